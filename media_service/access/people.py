"""Persons: add, change, disable, invite."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.access.change_lock import change_lock
from media_service.access.credentials import token_digest
from media_service.access.new_secret import new_secret
from media_service.core.access import PERSON_PREFIX
from media_service.core.accounts import Owner, OwnerKind, Token, TokenKind
from media_service.core.audit import Action, Subject
from media_service.core.errors.access import NameTaken, UnknownPerson
from media_service.core.people import (
    INVITATION_SECONDS,
    NewPerson,
    PersonChange,
    changed,
    check_password,
    clean_name,
    name_key,
)
from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.access.audit import AuditTrail
    from media_service.core.audit import Actor, AuditEntry
    from media_service.core.ports.accounts import Accounts
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.passwords import Passwords

OF_PERSONS = (TokenKind.API, TokenKind.SESSION, TokenKind.INVITATION)
"""Kinds of tokens that a person may have."""

SIGN_IN = (TokenKind.SESSION, TokenKind.INVITATION)
"""Kinds that end with the password that they were given for."""


class People:
    """Persons and how they sign in. Methods with an id raise UnknownPerson; `clock` returns UTC microseconds.

    `forget`: called after each change, so that this process uses no old credential. `actor`: who changes something, for
    the audit trail.
    """

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        locks: Locks,
        audit: AuditTrail,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        forget: Callable[[], None],
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._locks = locks
        self._audit = audit
        self._clock = clock
        self._new_id = new_id
        self._forget = forget

    async def add(self, new: NewPerson, actor: Actor) -> Owner:
        """Add a person. Raise NameTaken, Malformed, TooManyRequests."""
        name = clean_name(new.name)
        password = None if new.password is None else await self._passwords.hash(check_password(new.password))
        person = Owner(
            id=f"{PERSON_PREFIX}{self._new_id()}",
            kind=OwnerKind.PERSON,
            role=new.role,
            name=name,
            password=password,
            all_collections=new.collections is None,
            collections=new.collections or frozenset(),
            limits=new.limits,
            created_by=actor.id if (actor.id or "").startswith(PERSON_PREFIX) else None,
            created_at=self._clock(),
        )
        entry = self._audit.entry(actor, Action.PERSON_ADDED, _subject(person), details={"role": person.role.value})
        if not await self._accounts.add_owner(person, name_key(name), entry):
            raise NameTaken(name)
        self._done(entry)
        return person

    async def find(self, person_id: str) -> Owner:
        """Return the person."""
        person = await self._accounts.owner(person_id)
        if person is None or person.kind is not OwnerKind.PERSON:
            raise UnknownPerson
        return person

    async def named(self, name: str) -> Owner:
        """Return the person with this name, however it is written. Raise UnknownPerson."""
        person = await self._accounts.person_named(name_key(name))
        if person is None:
            raise UnknownPerson
        return person

    async def listing(self, cursor: str | None, limit: int) -> tuple[list[Owner], str | None]:
        """Return a page of persons, newest first, and the next page's cursor. Raise Malformed."""
        return await self._accounts.owners(OwnerKind.PERSON, cursor, limit)

    async def change(self, person_id: str, change: PersonChange, actor: Actor) -> Owner:
        """Change a person and return it. Raise NameTaken, Malformed, TooManyRequests, ChangedMeanwhile.

        Another password ends sessions and invitations, disabling and enabling ends every token.
        """
        hashed = await self._passwords.hash(check_password(change.password)) if change.password else None
        async with change_lock(self._locks, person_id):
            before = await self.find(person_id)
            after = changed(before, change, self._clock(), hashed)
            # Before a person is enabled: disabling may have been interrupted between these two.
            if before.disabled_at is not None and after.disabled_at is None:
                await self._end(person_id, OF_PERSONS)
            entry = self._audit.entry(actor, Action.PERSON_CHANGED, _subject(after), details=change.summary)
            await self._save(after, entry)
            if after.disabled_at is not None:
                await self._end(person_id, OF_PERSONS)
            elif change.password is not None:
                await self._end(person_id, SIGN_IN)
        self._done(entry)
        return after

    async def invite(self, person_id: str, actor: Actor) -> tuple[str, int]:
        """Return the secret of a new invitation, and when it expires; earlier ones end. Raise UnknownPerson."""
        secret, now = new_secret(), self._clock()
        token = Token(
            id=self._new_id(),
            kind=TokenKind.INVITATION,
            owner=person_id,
            created_at=now,
            expires_at=now + INVITATION_SECONDS * MICROSECONDS,
        )
        async with change_lock(self._locks, person_id):
            person = await self.find(person_id)
            if person.disabled_at is not None:
                raise UnknownPerson
            await self._end(person_id, (TokenKind.INVITATION,))
            entry = self._audit.entry(actor, Action.INVITATION_MADE, _subject(person))
            await self._accounts.add_token(token, token_digest(secret), entry)
        self._audit.report(entry)
        return secret, token.expires_at or 0

    async def keep_password(self, person_id: str, password_hash: str) -> Owner:
        """Return the person with the password of this hash, chosen by an invitation; earlier sessions end."""
        async with change_lock(self._locks, person_id):
            person = replace(await self.find(person_id), password=password_hash)
            await self._save(person)
            # A person may be invited again because somebody else knows the old password.
            await self._end(person_id, SIGN_IN)
        self._forget()
        return person

    async def _save(self, person: Owner, entry: AuditEntry | None = None) -> None:
        """Save the person. Raise NameTaken, UnknownPerson."""
        if not await self._accounts.save_owner(person, name_key(person.name), entry):
            await self.find(person.id)
            raise NameTaken(person.name)

    def _done(self, entry: AuditEntry) -> None:
        self._forget()
        self._audit.report(entry)

    async def _end(self, person_id: str, kinds: tuple[TokenKind, ...]) -> None:
        await self._accounts.revoke_tokens_of(person_id, kinds, self._clock())


def _subject(person: Owner) -> Subject:
    return Subject(person.id, person.name)
