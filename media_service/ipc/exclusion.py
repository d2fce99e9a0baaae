"""Locks by number: among the tasks of a process by asyncio, among processes by what the caller gives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Exclusion:
    """Give each key one holder.

    `try_lock` returns whether this process got the key, which no task of it has then; `unlock` gives it back. A key
    that another process holds is tried again after `first_pause` seconds, doubled up to `last_pause`.
    """

    def __init__(
        self,
        try_lock: Callable[[int], Awaitable[bool]],
        unlock: Callable[[int], None],
        *,
        first_pause: float,
        last_pause: float,
    ) -> None:
        self._try_lock = try_lock
        self._unlock = unlock
        self._first_pause = first_pause
        self._last_pause = last_pause
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._held: dict[int, asyncio.Lock] = {}

    async def acquire(self, key: int, seconds: float) -> bool:
        """Return True with the key held, False if it is not free within so many seconds; 0 tries once.

        Raise what `try_lock` raises.
        """
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + seconds, self._first_pause
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline):
                await lock.acquire()
        except TimeoutError:
            return False
        try:
            while not await self._try_lock(key):
                if clock() >= deadline:
                    return False
                await asyncio.sleep(min(pause, deadline - clock()))
                pause = min(pause * 2, self._last_pause)
            self._held[key] = lock
        finally:
            if self._held.get(key) is not lock:
                lock.release()
        return True

    def release(self, key: int) -> None:
        """Free a key that a task of this process holds."""
        lock = self._held.pop(key)
        self._unlock(key)
        lock.release()
