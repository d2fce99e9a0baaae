"""Count failed sign-ins, so that a flood of them becomes a few entries of the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

MAX_ADDRESSES = 16
"""Addresses that are counted apart; those of all others are counted together."""


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Failed sign-ins from one address within one window; `address` None for those of all other addresses."""

    address: str | None
    count: int


class SignInFailures:
    """Counts of the current window.

    The first failure of an address is an entry at once. Further ones are counted until the window ends, and then they
    are one entry for each address, in this window and in those that follow without a pause.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._others = 0

    def is_first(self, address: str | None) -> bool:
        """Return whether the failure is an entry of its own; otherwise count it."""
        if address is not None and address not in self._counts and len(self._counts) < MAX_ADDRESSES:
            self._counts[address] = 0
            return True
        if address is not None and address in self._counts:
            self._counts[address] += 1
        else:
            self._others += 1
        return False

    def end_window(self) -> list[FailureCount]:
        """Return what was counted, and begin the next window."""
        counts = [FailureCount(address, count) for address, count in self._counts.items() if count]
        self._counts = {found.address: 0 for found in counts if found.address is not None}
        if self._others:
            counts.append(FailureCount(None, self._others))
            self._others = 0
        return counts
