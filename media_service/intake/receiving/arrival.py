"""The order of requests that want the same bytes: the newest wins, whichever process it arrived at."""

from __future__ import annotations

MAX_WAIT_US = 60_000_000
"""No request waits so long for another. If the times differ by more, a clock was set, and they tell no order."""


def is_newer(arrived: int, other: int) -> bool:
    """Return whether a request that arrived then is newer than the other one. Both are UTC microseconds.

    One that waits since before must not end the newer one: often its client has gone.
    """
    return 0 < arrived - other < MAX_WAIT_US
