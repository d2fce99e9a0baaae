"""Sessions of browsers that are signed in as admin.

The catalogue keeps them over a restart; this process keeps them in memory, so that a request costs no query and a
sign-out counts at once. The cookie is 256 random bits, of which only an HMAC under the admin token is stored: a stored
session cannot be used, and a new admin token ends all sessions.
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
    """Sessions for one admin token. `clock` gives UTC microseconds."""

    def __init__(self, store: SessionStore, token: str, clock: Callable[[], int]) -> None:
        self._store = store
        self._token = token.encode()
        self._clock = clock
        self._expiries: dict[bytes, int] = {}

    async def load(self) -> None:
        """Load the sessions from before the start."""
        self._expiries = dict(await self._store.sessions())

    def is_valid(self, value: str) -> bool:
        """Return whether this cookie value belongs to a session that has not ended."""
        return self._clock() < self._expiries.get(self._digest(value), 0)

    async def begin(self, replaced: str = "") -> str:
        """Begin a session and return its cookie value; end the one of the cookie value that it replaces.

        If it cannot be stored, it ends with this process: on a full disk the admin is needed most.
        """
        value, now = secrets.token_urlsafe(32), self._clock()
        digest, expires_at = self._digest(value), now + SESSION_SECONDS * 1_000_000
        self._expiries[digest] = expires_at
        try:
            await self.end(replaced)
            await self._store.begin_session(digest, now, expires_at)
        except ServiceError as trouble:
            log.warning("session not stored", trouble=str(trouble))
        return value

    async def end(self, value: str) -> None:
        """End the session of this cookie value, if there is one. Raises StorageFull, CatalogueError.

        It has ended in this process even then; the same call again deletes the stored session.
        """
        digest = self._digest(value)
        if digest in self._expiries:
            self._expiries[digest] = 0
            await self._store.end_session(digest)
            self._expiries.pop(digest, None)

    def _digest(self, value: str) -> bytes:
        return hmac.digest(self._token, value.encode(errors="replace"), hashlib.sha256)
