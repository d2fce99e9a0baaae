"""Limit log lines that unauthenticated clients can cause, so that they cannot fill the disk."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

WINDOW_SECONDS = 60.0
LINES_PER_KEY = 10
MAX_KEYS = 64  # such as addresses in one window; the lines of others are only counted

log = structlog.get_logger()


class RateLimitedLog:
    """Write up to `lines_per_key` lines of an event per key and window, and at its end the number suppressed."""

    def __init__(
        self,
        event: str,
        *,
        lines_per_key: int = LINES_PER_KEY,
        max_keys: int = MAX_KEYS,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._event = event
        self._lines_per_key = lines_per_key
        self._max_keys = max_keys
        self._window_seconds = window_seconds
        self._written: dict[str, int] = {}
        self._suppressed = 0

    def write(self, key: str, **fields: Any) -> None:
        """Write the event with these fields, or count it as suppressed."""
        if not self._written:
            asyncio.get_running_loop().call_later(self._window_seconds, self._end_window)
        if self._allow(key):
            log.warning(self._event, **fields)
        else:
            self._suppressed += 1

    def _allow(self, key: str) -> bool:
        written = self._written.get(key, 0)
        if written >= self._lines_per_key or (written == 0 and len(self._written) >= self._max_keys):
            return False
        self._written[key] = written + 1
        return True

    def _end_window(self) -> None:
        if self._suppressed:
            log.warning(f"{self._event}: more of them", count=self._suppressed, seconds=self._window_seconds)
        self._written.clear()
        self._suppressed = 0
