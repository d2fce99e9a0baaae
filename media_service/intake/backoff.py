"""Wait between attempts at what another process has to give up first."""

from __future__ import annotations

import asyncio

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.002, 0.05
"""First and longest pause. The kernel's blocking calls would need a thread for each waiting task."""


class Backoff:
    """Pauses of doubling length, until `seconds` have passed."""

    def __init__(self, seconds: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._give_up_at = self._clock() + seconds
        self._pause = FIRST_PAUSE_SECONDS

    async def pause(self) -> bool:
        """Sleep and return True; return False at once if the time is over."""
        if self._clock() > self._give_up_at:
            return False
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LAST_PAUSE_SECONDS)
        return True
