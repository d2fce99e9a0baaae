"""Admin sessions of browsers.

They are stored in the catalogue and cached in memory: a request needs no query. A cookie is 256 random bits. Only its
HMAC under the admin token is stored, so it cannot be read from the database, and a new token ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.sessions import SessionStore

SESSION_SECONDS = 30 * 24 * 3600

log = structlog.get_logger()


class Sessions:
    """Sessions for one admin token. `clock` returns UTC microseconds."""

    def __init__(self, store: SessionStore, token: str, clock: Callable[[], int]) -> None:
        self._store = store
        self._token = token.encode()
        self._clock = clock
        self._expiries: dict[bytes, int] = {}

    async def load(self) -> None:
        """Load the stored sessions at start."""
        self._expiries = dict(await self._store.sessions())

    def is_valid(self, value: str) -> bool:
        """Return whether this cookie value belongs to a session that has not ended or expired."""
        return self._clock() < self._expiries.get(self._digest(value), 0)

    async def begin(self, replaced: str = "") -> str:
        """Begin a session, end the one of the cookie value `replaced`, and return the new cookie value."""
        # Without a stored row it is valid until the process ends: the admin must be able to sign in on a full disk.
        value, now = secrets.token_urlsafe(32), self._clock()
        digest, expires_at = self._digest(value), now + SESSION_SECONDS * 1_000_000
        self._expiries[digest] = expires_at
        try:
            await self.end(replaced)
            await self._store.begin_session(digest, now, expires_at)
        except ServiceError as error:
            log.warning("session not stored", error=str(error))
        return value

    async def end(self, value: str) -> None:
        """End the session of this cookie value at once. If this raises, call it again to delete the stored session."""
        digest = self._digest(value)
        if digest in self._expiries:
            self._expiries[digest] = 0
            await self._store.end_session(digest)
            self._expiries.pop(digest, None)

    def _digest(self, value: str) -> bytes:
        return hmac.digest(self._token, value.encode(errors="replace"), hashlib.sha256)
