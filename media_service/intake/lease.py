"""Who writes which bytes of one upload now. The newest writer wins; an older one of the same bytes is told and ends.

A client whose line dropped comes back long before the server notices that the old connection is dead, so the old
writer must never be able to refuse the new one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.errors import IdleTimeout, SpanOverlaps, Superseded

if TYPE_CHECKING:
    from types import TracebackType


class Lease:
    """One writer's hold on the bytes from `start` to `stop`; `stop` grows when the size is not known beforehand.

    `async with` it while the body is read: a newer writer, or `idle` seconds without a block, ends that. It raises
    Superseded, IdleTimeout.
    """

    def __init__(self, leases: Leases, start: int, stop: int | None, idle: float) -> None:
        self.start = start
        self.stop = start + 1 if stop is None else stop
        self._leases = leases
        self._idle = idle
        self._clock = asyncio.get_running_loop().time
        self._beat = self._clock()
        self._timer: asyncio.TimerHandle | None = None
        self._timeout: asyncio.Timeout | None = None
        self._superseded = False
        self._read = False
        self.released = asyncio.Event()

    async def __aenter__(self) -> None:
        if self._superseded:
            raise Superseded
        self._beat = self._clock()
        self._timeout = asyncio.timeout(None)
        await self._timeout.__aenter__()
        self._watch()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        timeout, self._timeout, self._read = self._timeout, None, True
        assert timeout is not None
        if self._timer is not None:
            self._timer.cancel()
        try:
            await timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise Superseded if self._superseded else IdleTimeout(self._idle) from None

    def _watch(self) -> None:
        """Looks whether blocks came, once in the idle time: setting a timer anew for each block would cost more."""
        if self._timeout is not None and not self._superseded:
            due = self._beat + self._idle
            if due <= self._clock():
                self._timeout.reschedule(due)
            else:
                self._timer = asyncio.get_running_loop().call_at(due, self._watch)

    def reach(self, stop: int) -> None:
        """Before the bytes up to `stop` are written. Raises SpanOverlaps where they belong to another writer."""
        if stop > self.stop:
            for other in self._leases.held(self.start, stop, but=self):
                raise SpanOverlaps(self.start, other.start)
            self.stop = stop
        self._beat = self._clock()

    def supersede(self) -> None:
        """Ends the reading now. Once the body is read, the writer is let finish: it only records."""
        if self._read or self._superseded:
            return
        self._superseded = True
        if self._timeout is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time())

    def release(self) -> None:
        """The writer is done with its bytes, recorded or not."""
        self._leases.drop(self)
        self.released.set()


class Leases:
    """The leases on one upload."""

    def __init__(self) -> None:
        self._open: list[Lease] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    def held(self, start: int, stop: int, but: Lease | None = None) -> list[Lease]:
        """The leases that touch `[start, stop)`."""
        return [lease for lease in self._open if lease is not but and lease.start < stop and start < lease.stop]

    def take(self, start: int, stop: int | None, idle: float) -> Lease:
        """A new lease. The caller has ended the older ones on these bytes."""
        lease = Lease(self, start, stop, idle)
        self._open.append(lease)
        return lease

    async def end(self, start: int, stop: int) -> bool:
        """Ends the writers of these bytes and waits until they are gone; False when there was none."""
        older = self.held(start, stop)
        for lease in older:
            lease.supersede()
        for lease in older:
            await lease.released.wait()
        return bool(older)

    def drop(self, lease: Lease) -> None:
        """Takes a released lease off the list."""
        self._open.remove(lease)
