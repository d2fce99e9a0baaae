"""Admin sessions of browsers.

They are stored in the catalogue and cached in memory: a request needs no query. Another process that begins or ends one
sends a hint. A cookie is 256 random bits. Only its HMAC under the admin token is stored, so it cannot be read from the
database, and a new token ends all sessions.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.bus import Bus
    from media_service.core.ports.sessions import SessionStore

SESSION_SECONDS = 30 * 24 * 3600

HINT = "session"
"""Topic: sessions changed."""

RELOAD_SECONDS = 10.0
"""Seconds between two loads of all sessions: a lost hint must not keep an ended one valid for longer."""

log = structlog.get_logger()


class Sessions:
    """Sessions for one admin token. `clock` returns UTC microseconds."""

    def __init__(self, store: SessionStore, token: str, clock: Callable[[], int], bus: Bus) -> None:
        self._store = store
        self._token = token.encode()
        self._clock = clock
        self._bus = bus
        self._stored: dict[bytes, int] = {}
        self._unstored: dict[bytes, int] = {}
        self._ended: set[bytes] = set()
        self._changed = asyncio.Event()
        bus.subscribe(HINT, self._changed.set)

    async def load(self) -> None:
        """Load the stored sessions."""
        self._stored = dict(await self._store.sessions())

    async def run(self) -> None:
        """Load them again after each hint, and now and then without one, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RELOAD_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self.load()
            except ServiceError as error:
                log.warning("sessions not loaded", error=str(error))

    async def learn(self, value: str) -> None:
        """Ask the store for this cookie value's session if it is unknown: another process may have just begun it."""
        digest = self._digest(value)
        if digest in self._stored or digest in self._unstored:
            return
        with suppress(ServiceError):
            if (expires_at := await self._store.session(digest)) is not None:
                self._stored[digest] = expires_at

    def is_valid(self, value: str) -> bool:
        """Return whether this cookie value belongs to a session that has not ended or expired."""
        digest = self._digest(value)
        expires_at = self._stored.get(digest) or self._unstored.get(digest, 0)
        return digest not in self._ended and self._clock() < expires_at

    async def begin(self, replaced: str = "") -> str:
        """Begin a session, end the one of the cookie value `replaced`, and return the new cookie value."""
        # Without a stored row it is valid in this process until it ends: the admin must be able to sign in on a full
        # disk.
        value, now = secrets.token_urlsafe(32), self._clock()
        digest, expires_at = self._digest(value), now + SESSION_SECONDS * 1_000_000
        self._unstored[digest] = expires_at
        try:
            await self.end(replaced)
            await self._store.begin_session(digest, now, expires_at)
        except ServiceError as error:
            log.warning("session not stored", error=str(error))
        else:
            self._stored[digest] = self._unstored.pop(digest)
            self._bus.publish(HINT)
        return value

    async def end(self, value: str) -> None:
        """End the session of this cookie value at once. If this raises, call it again to delete the stored session."""
        digest = self._digest(value)
        if digest in self._stored or digest in self._unstored:
            # For good: a load that is under way may bring its row back.
            self._ended.add(digest)
            await self._store.end_session(digest)
            self._unstored.pop(digest, None)
            self._stored.pop(digest, None)
            self._bus.publish(HINT)

    def _digest(self, value: str) -> bytes:
        return hmac.digest(self._token, value.encode(errors="replace"), hashlib.sha256)
