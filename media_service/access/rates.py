"""How often clients may create uploads, open links, and ask for ids that do not exist.

Slices, offsets and cancels are never counted here: a client on a bad line repeats them, and must not be stopped.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from media_service.access.recent_keys import RecentKeys
from media_service.core.accounts import OwnerKind
from media_service.core.quota import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.bus import Bus
    from media_service.core.rate_limit import RateLimit

HINT = "request_counted"
"""Topic: a process counted a request.

Connections of one client are served by different receivers. Each decides by what it has counted itself and has heard
of from the others, so requests that several count within the milliseconds that a hint takes may exceed a limit: of 400
at once, four receivers let 158 pass instead of 150. Without hints (the sidecar is being restarted) each receiver has
the whole limit for itself.
"""

_PERSON = f"{OwnerKind.PERSON}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Limits of requests: creations of a person, and the others of an address. None for no limit."""

    creations: RateLimit | None = None
    guest_creations: RateLimit | None = None
    link_openings: RateLimit | None = None
    unknown_ids: RateLimit | None = None


class Rates:
    """Count requests in this process, and tell the others. Times are seconds of `clock`, which is monotonic.

    `local`: limits of clients on this machine, where a proxy or a script sends for many.
    """

    def __init__(
        self, remote: RateLimits, local: RateLimits, bus: Bus, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._remote = remote
        self._local = local
        self._bus = bus
        self._clock = clock
        self._full_at: dict[str, RecentKeys[float]] = {field.name: RecentKeys() for field in fields(RateLimits)}
        # To tell the own hints from those of other processes.
        self._process = secrets.token_hex(8)
        bus.subscribe(HINT, self._note_elsewhere)

    def creation(self, owner: str, address: str | None) -> None:
        """See `core.ports.rates`. A person's creations count wherever they come from, all others by their address.

        A browser without an account can delete its cookie, and many clients share a link or none.
        """
        limits = self._limits(address)
        if owner.startswith(_PERSON):
            self._count("creations", limits.creations, owner)
        else:
            self._count("guest_creations", limits.guest_creations, address)

    def link_opening(self, address: str | None) -> None:
        """Count that a guest link was opened. Raise TooManyRequests."""
        self._count("link_openings", self._limits(address).link_openings, address)

    def unknown_id(self, address: str | None) -> None:
        """Count a request for an id that does not exist. Raise TooManyRequests."""
        self._count("unknown_ids", self._limits(address).unknown_ids, address)

    def _limits(self, address: str | None) -> RateLimits:
        # A client without an address came through a Unix socket.
        return self._local if address is None or is_loopback(address) else self._remote

    def _count(self, kind: str, limit: RateLimit | None, key: str | None) -> None:
        if limit is None or key is None:
            return
        table = self._full_at[kind]
        table.put(key, limit.take(table.get(key) or 0, self._clock()))
        # Refused requests are not published, or a flood of them would be a flood of hints.
        self._bus.publish(HINT, self._process, kind, key)

    def _note_elsewhere(self, process: str, kind: str, key: str) -> None:
        limit = getattr(self._remote, kind) or getattr(self._local, kind)
        if process != self._process and limit is not None:
            table = self._full_at[kind]
            table.put(key, limit.spend(table.get(key) or 0, self._clock()))
