"""Leases of this process on the bytes of an upload. The newest writer wins; older ones of the same bytes end.

The store's locks exclude writers of other processes. A client reconnects long before the server notices that the old
connection is dead.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from media_service.core.errors.requests import BodyTooSlow, IdleTimeout
from media_service.core.errors.uploads import SpanOverlaps, Superseded
from media_service.core.rate import RateFloor
from media_service.intake.receiving.arrival import is_newer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from media_service.core.errors.base import Refusal


class Lease:
    """One writer's lease on `[start, stop)`; `stop` grows if the size is unknown.

    `async with` it while the body is read: it raises Superseded when a newer writer comes, IdleTimeout after `idle`
    seconds without a block. `rate`: minimum bytes per second, averaged over `idle` seconds. `arrived`: when the
    writer's request came, in UTC microseconds.
    """

    def __init__(self, leases: Leases, start: int, stop: int | None, idle: float, *, rate: int, arrived: int) -> None:
        self.start = start
        self.stop = start + 1 if stop is None else stop
        self.arrived = arrived
        self._leases = leases
        self._idle = idle
        self._clock = asyncio.get_running_loop().time
        self._last_block_at = self._clock()
        self._rate = rate
        self._floor = RateFloor(rate, idle, self._last_block_at)
        self._written_to = start
        self._reader: asyncio.Task[Any] | None = None
        self._cancels = 0
        self._end: Callable[[], Refusal] | None = None
        self._read = False
        self.released = asyncio.Event()

    # asyncio.timeout would double the cost of a small slice's lease.
    async def __aenter__(self) -> None:
        self.check()
        self._last_block_at = self._clock()
        self._reader = asyncio.current_task()
        assert self._reader is not None
        self._cancels = self._reader.cancelling()
        self._leases.watch(self._last_block_at + self._idle)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reader, self._reader, self._read = self._reader, None, True
        assert reader is not None
        # A cancellation from elsewhere must propagate.
        if self._end is not None and reader.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise self._end() from None

    def check(self) -> None:
        """Raise Superseded if a newer writer came."""
        if self._end is not None:
            raise self._end()

    @property
    def due(self) -> float | None:
        """Return the loop time of the idle timeout, None while nothing is read."""
        return None if self._reader is None or self._end is not None else self._last_block_at + self._idle

    def extend(self, stop: int) -> None:
        """Extend to `stop` before bytes are written. Raise SpanOverlaps (another writer's), BodyTooSlow."""
        if stop > self.stop:
            for other in self._leases.overlapping(self.start, stop, but=self):
                raise SpanOverlaps(self.start, other.start)
            self.stop = stop
        self._last_block_at = self._clock()
        size, self._written_to = stop - self._written_to, stop
        if not self._floor.count(size, self._last_block_at):
            raise BodyTooSlow(self._rate, self._idle)

    def supersede(self) -> None:
        """End the reading. After the body is read, the writer may finish: it only records."""
        if not self._read:
            self._stop(Superseded)

    def expire(self) -> None:
        """End the reading if the idle timeout has passed."""
        if self.due is not None and self.due <= self._clock():
            self._stop(partial(IdleTimeout, self._idle))

    def _stop(self, end: Callable[[], Refusal]) -> None:
        if self._end is None:
            self._end = end
            if self._reader is not None:
                self._reader.cancel()

    def touch(self) -> None:
        """Restart the idle timeout: the body moves without bytes for the span."""
        self._last_block_at = self._clock()

    def release(self) -> None:
        """End the lease, whether or not its bytes were recorded."""
        self._leases.drop(self)
        self.released.set()


class Leases:
    """The leases on one upload, all with the same idle timeout."""

    def __init__(self) -> None:
        self._open: list[Lease] = []
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._open)

    def overlapping(self, start: int, stop: int, but: Lease | None = None) -> list[Lease]:
        """Return the leases that share bytes with `[start, stop)`."""
        return [lease for lease in self._open if lease is not but and lease.start < stop and start < lease.stop]

    def acquire(self, start: int, stop: int | None, idle: float, *, rate: int = 0, arrived: int = 0) -> Lease:
        """Return a new lease. The caller has ended older ones on these bytes."""
        lease = Lease(self, start, stop, idle, rate=rate, arrived=arrived)
        self._open.append(lease)
        return lease

    def supersede(self, start: int, stop: int, arrived: int) -> list[Lease]:
        """End the older writers of these bytes; return the leases of all, which will be released."""
        others = self.overlapping(start, stop)
        for lease in others:
            if not is_newer(lease.arrived, arrived):
                lease.supersede()
        return others

    async def end(self, start: int, stop: int, arrived: int = 0) -> bool:
        """End the older writers of these bytes, and wait until all have ended; return whether there were any."""
        others = self.supersede(start, stop, arrived)
        for lease in others:
            await lease.released.wait()
        return bool(others)

    def end_readers(self, start: int, stop: int) -> None:
        """End the writers of these bytes that still read a body: nobody needs it."""
        for lease in self.overlapping(start, stop):
            if lease.due is not None:
                lease.supersede()

    def drop(self, lease: Lease) -> None:
        """Remove a released lease."""
        self._open.remove(lease)

    def watch(self, due: float) -> None:
        """Check for idle readers from `due` on: one timer for all, since one per slice would cost more."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(due, self._expire_idle)

    def _expire_idle(self) -> None:
        self._timer = None
        for lease in self._open:
            lease.expire()
        dues = [lease.due for lease in self._open if lease.due is not None]
        if dues:
            self.watch(min(dues))
