"""Find the owner of a token that a request presents."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import structlog

from media_service.core.errors.base import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.accounts import Credential
    from media_service.core.ports.accounts import Accounts

FRESH_SECONDS = 0.5
"""Time for which a credential is used without asking the catalogue: a revoked one ends within it in every process."""

CACHED_CREDENTIALS = 4096

SEEN_SECONDS = 60.0
"""Seconds between two writes of when tokens were used: a write for each request would cost a transaction."""

log = structlog.get_logger()


def token_digest(token: str) -> bytes:
    """Return the digest by which a token is stored. It has 256 random bits, so it needs no slow hash."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


class Credentials:
    """Credentials of valid tokens, cached for FRESH_SECONDS. `clock` returns UTC microseconds."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._cached: OrderedDict[bytes, tuple[float, Credential | None]] = OrderedDict()
        self._seen: dict[str, tuple[str, int]] = {}
        self._changes = 0
        self._has_admin: tuple[float, bool] | None = None

    async def find(self, digest: bytes) -> Credential | None:
        """Return the credential with this digest, None unless it is valid. Raise CatalogueError."""
        now = time.monotonic()
        found_at, credential = self._cached.get(digest, (float("-inf"), None))
        if now > found_at + FRESH_SECONDS:
            changes = self._changes
            credential = await self._accounts.credential(digest)
            if changes == self._changes:
                self._remember(digest, now, credential)
        if credential is None or not credential.is_valid(self._clock()):
            return None
        if credential.owner is not None:
            self._seen[credential.token.id] = credential.owner.id, self._clock()
        return credential

    async def has_admin(self) -> bool:
        """Return whether a person is an admin. Raise CatalogueError."""
        now = time.monotonic()
        if self._has_admin is None or now > self._has_admin[0] + FRESH_SECONDS:
            self._has_admin = now, await self._accounts.has_admin()
        return self._has_admin[1]

    def forget(self) -> None:
        """Ask the catalogue again from now on: this process has changed owners or tokens."""
        self._changes += 1
        self._cached.clear()
        self._has_admin = None

    async def run(self) -> None:
        """Write now and then when tokens were used, until cancelled."""
        while True:
            await asyncio.sleep(SEEN_SECONDS)
            await self.save_seen()

    async def save_seen(self) -> None:
        """Write when tokens were used since the last call."""
        seen, self._seen = self._seen, {}
        for token_id, (owner_id, seen_at) in seen.items():
            try:
                await self._accounts.note_seen(owner_id, token_id, seen_at)
            except ServiceError as error:
                log.warning("last use of a token not stored", token=token_id, error=str(error))

    def _remember(self, digest: bytes, now: float, credential: Credential | None) -> None:
        # Unknown digests too: a client that repeats a wrong token costs one read each half second.
        self._cached[digest] = now, credential
        self._cached.move_to_end(digest)
        if len(self._cached) > CACHED_CREDENTIALS:
            self._cached.popitem(last=False)
