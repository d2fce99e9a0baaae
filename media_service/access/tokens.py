"""API tokens, and sessions as their owners see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.access.credentials import token_digest
from media_service.access.new_secret import new_secret
from media_service.core.accounts import OwnerKind, Token, TokenKind
from media_service.core.api_tokens import check_collection, clean_token_name, expiry, granted_scopes
from media_service.core.audit import Action, Subject
from media_service.core.errors.access import UnknownPerson, UnknownToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from media_service.access.audit import AuditTrail
    from media_service.core.access import Scope
    from media_service.core.accounts import Owner
    from media_service.core.audit import Actor, AuditEntry, Detail
    from media_service.core.ports.accounts import Accounts


class Tokens:
    """API tokens and sessions. `clock` returns UTC microseconds; `forget` and `actor` as of `People`."""

    def __init__(
        self,
        accounts: Accounts,
        audit: AuditTrail,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        forget: Callable[[], None],
    ) -> None:
        self._accounts = accounts
        self._audit = audit
        self._clock = clock
        self._new_id = new_id
        self._forget = forget

    async def add(
        self,
        owner_id: str,
        name: str,
        scopes: Iterable[Scope],
        actor: Actor,
        *,
        lifetime: int | None = None,
        collection: str | None = None,
    ) -> tuple[Token, str]:
        """Return a new API token of a person, and its secret, which is stored nowhere.

        `lifetime` in seconds, None if it does not expire. `collection`: the id of the only one that it is for. Raise
        UnknownPerson, InsufficientScope for more than the person's role has, UnknownCollection for one that the person
        may not work in, Malformed.
        """
        owner = await self._accounts.owner(owner_id)
        if owner is None or owner.kind is not OwnerKind.PERSON or owner.disabled_at is not None:
            raise UnknownPerson
        granted = granted_scopes(scopes, owner)
        check_collection(collection, owner, granted)
        secret, now = new_secret(), self._clock()
        token = Token(
            id=self._new_id(),
            kind=TokenKind.API,
            owner=owner_id,
            name=clean_token_name(name),
            scopes=granted,
            collection=collection,
            created_at=now,
            expires_at=expiry(now, lifetime),
        )
        details: dict[str, Detail] = {"owner": owner_id, "scopes": [scope.value for scope in sorted(granted)]}
        entry = self._audit.entry(actor, Action.TOKEN_MADE, Subject(token.id, token.name), details=details)
        await self._accounts.add_token(token, token_digest(secret), entry)
        self._audit.report(entry)
        return token, secret

    async def names_of(self, owner_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of these owners by id."""
        found = [await self._accounts.owner(owner_id) for owner_id in sorted({*owner_ids})]
        return {owner.id: owner.name for owner in found if owner is not None}

    async def of(self, owner_id: str | None) -> Sequence[Token]:
        """Return the API tokens of an owner, newest first; "" for those of every owner."""
        return await self._accounts.tokens(owner_id, (TokenKind.API,))

    async def sessions(self, owner_id: str | None) -> Sequence[Token]:
        """Return the sessions of an owner that have not expired, newest first; None for those of the admin token."""
        now = self._clock()
        return [each for each in await self._accounts.tokens(owner_id, (TokenKind.SESSION,)) if each.is_valid(now)]

    async def revoke(self, token_id: str, owner_id: str | None, actor: Actor) -> None:
        """Revoke an API token of this owner, "" for that of any; twice is no error. Raise UnknownToken."""
        found = await self._find(token_id, TokenKind.API, owner_id)
        await self._end(found, self._audit.entry(actor, Action.TOKEN_REVOKED, Subject(found.id, found.name)))

    async def end_session(self, session_id: str, owner_id: str | None, actor: Actor) -> None:
        """End a session of this owner; None for one of the admin token. Raise UnknownToken."""
        found = await self._find(session_id, TokenKind.SESSION, owner_id)
        await self._end(found, self._audit.entry(actor, Action.SESSION_ENDED, Subject(found.id)))

    async def end_sessions(self, owner: Owner, actor: Actor) -> None:
        """End every session of this owner."""
        entry = self._audit.entry(actor, Action.SESSION_ENDED, Subject(owner.id, owner.name))
        await self._accounts.revoke_tokens_of(owner.id, (TokenKind.SESSION,), self._clock(), entry)
        self._forget()
        self._audit.report(entry)

    async def is_session(self, token_id: str | None) -> bool:
        """Return whether this is the id of a session: what one has signed in with, not what a script may have."""
        found = None if token_id is None else await self._accounts.token(token_id)
        return found is not None and found.kind is TokenKind.SESSION

    async def _find(self, token_id: str, kind: TokenKind, owner_id: str | None) -> Token:
        found = await self._accounts.token(token_id)
        if found is None or found.kind is not kind or owner_id not in ("", found.owner):
            raise UnknownToken
        return found

    async def _end(self, found: Token, entry: AuditEntry) -> None:
        if await self._accounts.revoke_token(found.id, self._clock(), entry):
            self._forget()
            self._audit.report(entry)
