"""Sessions of browsers.

They are rows of tokens. A cookie is 256 random bits. Only its HMAC under the admin token is stored, so it cannot be
read from the database, and a new admin token ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

import structlog

from media_service.core.accounts import Credential, Token, TokenKind
from media_service.core.errors.base import ServiceError
from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.access.credentials import Credentials
    from media_service.core.accounts import Owner
    from media_service.core.ports.accounts import Accounts

log = structlog.get_logger()


class Sessions:
    """Sessions under one admin token. `clock` returns UTC microseconds, `lifetime` is in seconds."""

    def __init__(
        self,
        accounts: Accounts,
        credentials: Credentials,
        admin_token: str,
        *,
        lifetime: float,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.lifetime = int(lifetime)
        self._accounts = accounts
        self._credentials = credentials
        self._key = admin_token.encode()
        self._clock = clock
        self._new_id = new_id
        self._unstored: dict[bytes, Credential] = {}

    async def find(self, value: str) -> Credential | None:
        """Return the credential of this cookie value's session, None unless it is valid. Raise CatalogueError."""
        digest = self._digest(value)
        unstored = self._unstored.get(digest)
        if unstored is not None:
            return unstored if unstored.is_valid(self._clock()) else None
        found = await self._credentials.find(digest)
        return found if found is not None and found.token.kind is TokenKind.SESSION else None

    async def begin(self, owner: Owner | None, agent: str, address: str | None, replaced: str = "") -> str:
        """Begin a session of the owner, end the one of the cookie value `replaced`, and return the new cookie value.

        `owner` None: of the admin token. Raise StorageFull, CatalogueError for a person's session.
        """
        value, now = secrets.token_urlsafe(32), self._clock()
        token = Token(
            id=self._new_id(),
            kind=TokenKind.SESSION,
            owner=None if owner is None else owner.id,
            created_at=now,
            expires_at=now + self.lifetime * MICROSECONDS,
            agent=agent,
            address=address,
        )
        digest = self._digest(value)
        try:
            if replaced:
                await self.end(replaced)
            await self._accounts.add_token(token, digest)
        except ServiceError as error:
            if owner is not None:
                raise
            # With the admin token one must be able to sign in on a full disk: the session is valid in this process.
            log.warning("session not stored", error=str(error))
            self._unstored[digest] = Credential(token, None)
        return value

    async def end(self, value: str) -> None:
        """End the session of this cookie value. Raise StorageFull, CatalogueError: then it may go on."""
        digest = self._digest(value)
        self._unstored.pop(digest, None)
        found = await self._credentials.find(digest)
        if found is not None:
            await self._accounts.revoke_token(found.token.id, self._clock())
            self._credentials.forget()

    def _digest(self, value: str) -> bytes:
        return hmac.digest(self._key, value.encode(errors="replace"), hashlib.sha256)
