"""Sign people in: by name and password, or by a one-time link from an admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.access.credentials import token_digest
from media_service.core.audit import NO_SUBJECT, Subject
from media_service.core.errors.access import WrongPassword
from media_service.core.people import check_password, name_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.access.people import People
    from media_service.access.sign_in_throttle import SignInThrottle
    from media_service.core.accounts import Owner
    from media_service.core.ports.accounts import Accounts
    from media_service.core.ports.passwords import Passwords


class SignIn:
    """Find the person who signs in. `clock` returns UTC microseconds; `ip` is the client's address."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        throttle: SignInThrottle,
        people: People,
        clock: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._throttle = throttle
        self._people = people
        self._clock = clock

    async def with_password(self, name: str, password: str, ip: str | None) -> Owner:
        """Return the person with this name and password. Raise WrongPassword, TooManyRequests, CatalogueError."""
        with self._throttle.attempt(name, ip) as attempt:
            person = await self._accounts.person_named(name_key(name))
            is_usable = person is not None and person.disabled_at is None
            # Hash also for an unknown name, so that the time of the response does not tell which names exist.
            stored = person.password if person is not None and is_usable else None
            is_right = await self._passwords.verify(password, stored)
            attempt.end(succeeded=is_right)
        if person is None or not is_right:
            raise WrongPassword
        return person

    async def subject(self, name: str) -> Subject:
        """Return the person of this name as the audit trail names it, NO_SUBJECT without one. Raise CatalogueError."""
        person = await self._accounts.person_named(name_key(name))
        return NO_SUBJECT if person is None else Subject(person.id, person.name)

    async def with_invitation(self, secret: str, password: str | None, ip: str | None) -> Owner:
        """Return the person of a one-time link, after setting the password if one is given.

        Raise WrongPassword if the link was used before, has expired, or is unknown; Malformed for an unusable password,
        which uses up no link; TooManyRequests, StorageFull, CatalogueError.
        """
        with self._throttle.attempt("", ip) as attempt:
            # Before the link is used up: an unusable password must not waste it. Within the attempt, which limits how
            # many hashes a client can cause, because they are computed one after the other.
            stored = None if password is None else await self._passwords.hash(check_password(password))
            owner_id = await self._accounts.use_invitation(token_digest(secret), self._clock())
            person = None if owner_id is None else await self._accounts.owner(owner_id)
            attempt.end(succeeded=person is not None)
        if person is None or person.disabled_at is not None:
            raise WrongPassword
        return person if stored is None else await self._people.keep_password(person.id, stored)
