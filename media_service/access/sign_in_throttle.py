"""Slow down those who guess passwords, and nobody else.

Failures count for a name *and* an address, so a stranger cannot lock a person out, and for an address with any names,
so it cannot try one password with everybody. Nothing is locked for good: the wait doubles up to 15 minutes.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
import unicodedata
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.access.recent_keys import RecentKeys
from media_service.core.addresses import address_key
from media_service.core.errors.limits import TooManyRequests
from media_service.core.people import name_key
from media_service.core.quota import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from media_service.core.ports.bus import Bus

FREE_FAILURES_OF_A_NAME = 5
FREE_FAILURES_OF_AN_ADDRESS = 10
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 30.0, 15 * 60.0
FORGET_SECONDS = 15 * 60.0
"""After the last failure, and the wait that followed it."""

MAX_OPEN_ATTEMPTS = 4
"""Attempts of one address at the same time: less than half of the hashes that may wait, so others still get a turn."""

RETRY_SECONDS = 1
"""Until the attempts that are open have ended."""

HINT = "sign_in"
"""Topic: a process saw an attempt end. So all receivers count the same, but for what a hint's milliseconds let pass."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row, and until when no other attempt is made. Times are seconds of a monotonic clock."""

    count: int = 0
    blocked_until: float = 0.0

    def remaining(self, now: float) -> Failures:
        """Return what of them still counts."""
        return self if now < self.blocked_until + FORGET_SECONDS else Failures()

    def one_more(self, free: int, now: float) -> Failures:
        """Return them after a failure, of which `free` have no wait."""
        count = self.remaining(now).count + 1
        # A large count must not overflow a float; the longest wait is reached long before.
        doublings = min(count - free, 10)
        wait = 0.0 if doublings < 0 else min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**doublings)
        return Failures(count, max(now + wait, self.blocked_until))

    def check(self, free: int, open_attempts: int, now: float) -> None:
        """Raise TooManyRequests if there must be no attempt now. Open ones count as failures until they end."""
        if now < self.blocked_until:
            raise TooManyRequests(math.ceil(self.blocked_until - now))
        if open_attempts and self.remaining(now).count + open_attempts >= free:
            raise TooManyRequests(RETRY_SECONDS)


class Attempt:
    """One attempt to sign in; `end` says how it ended. If it is not called, nothing is known of the password."""

    def __init__(self, end: Callable[[bool], None]) -> None:
        self._end = end

    def end(self, *, succeeded: bool) -> None:
        """Count the attempt."""
        self._end(succeeded)


class SignInThrottle:
    """Count failed sign-ins in this process, and tell the others. Times are seconds of `clock`, which is monotonic."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._of_names = RecentKeys[Failures]()
        self._of_addresses = RecentKeys[Failures]()
        self._open: Counter[str] = Counter()
        # To tell the own hints from those of other processes.
        self._process = secrets.token_hex(8)
        bus.subscribe(HINT, self._note_elsewhere)

    @contextmanager
    def attempt(self, name: str, ip: str | None) -> Iterator[Attempt]:
        """Return an attempt to sign in with this name from this IP address. Raise TooManyRequests.

        Ask before the password is hashed. The caller logs a failure (`AuditTrail.sign_in_failed`).
        """
        address = None if ip is None else address_key(ip)
        pair, counted = _pair(name, address), _counted(address)
        self._check(pair, counted)

        def end(succeeded: bool) -> None:
            self._note(pair, counted, succeeded=succeeded)
            self._bus.publish(HINT, self._process, pair, counted, succeeded)

        keys = [pair, *([] if counted is None else [counted])]
        self._open.update(keys)
        try:
            yield Attempt(end)
        finally:
            self._open.subtract(keys)
            for key in keys:
                if not self._open[key]:
                    del self._open[key]

    def _check(self, pair: str, counted: str | None) -> None:
        now = self._clock()
        (self._of_names.get(pair) or Failures()).check(FREE_FAILURES_OF_A_NAME, self._open[pair], now)
        if counted is not None:
            failures = self._of_addresses.get(counted) or Failures()
            failures.check(FREE_FAILURES_OF_AN_ADDRESS, self._open[counted], now)
            if self._open[counted] >= MAX_OPEN_ATTEMPTS:
                raise TooManyRequests(RETRY_SECONDS)

    def _note(self, pair: str, counted: str | None, *, succeeded: bool) -> None:
        now = self._clock()
        if succeeded:
            # Not those of the address: a person could reset them by signing in to an account of their own.
            self._of_names.drop(pair)
            return
        self._of_names.put(pair, (self._of_names.get(pair) or Failures()).one_more(FREE_FAILURES_OF_A_NAME, now))
        if counted is not None:
            failures = self._of_addresses.get(counted) or Failures()
            self._of_addresses.put(counted, failures.one_more(FREE_FAILURES_OF_AN_ADDRESS, now))

    def _note_elsewhere(self, process: str, pair: str, counted: str | None, succeeded: bool) -> None:
        if process != self._process:
            self._note(pair, counted, succeeded=succeeded)


def _pair(name: str, address: str | None) -> str:
    """Return the key of a name and an address, of a bounded size however long the name is."""
    # All ways to write a name that sign in the same person have one key, or each would have guesses of its own.
    folded = unicodedata.normalize("NFKC", name_key(name)).casefold()
    digest = hashlib.blake2b(folded.encode(errors="replace"), digest_size=16).hexdigest()
    return f"{digest} {address}"


def _counted(address: str | None) -> str | None:
    """Return the address if its failures with any name count: not on this machine, where a proxy sends for many."""
    return None if address is None or is_loopback(address) else address
