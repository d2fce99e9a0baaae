"""The body of an append, read in slices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.errors.requests import BodyCut, BodyTooSlow, IdleTimeout
from media_service.core.rate import RateFloor

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from media_service.core.digest import Proof
    from media_service.core.errors.base import MediaServiceError


class SlicedBody:
    """A body that is read in slices; no block is referenced after it was yielded. `cut`: why it ended early."""

    def __init__(self, body: AsyncIterable[bytes], idle: float, rate: int) -> None:
        self._blocks = aiter(body)
        self._idle = idle
        self._rate = rate
        self._floor = RateFloor(rate, idle, 0)
        self._waited = 0.0
        self._block = b""
        self._over = False
        self._waiting: asyncio.Timeout | None = None
        self._stopped: MediaServiceError | None = None
        self.cut: MediaServiceError | None = None

    def stop(self, reason: MediaServiceError) -> None:
        """End the body now; what was read of it can still be yielded."""
        self._stopped = reason
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def more(self) -> bool:
        """Wait for bytes or the end; return whether there are bytes."""
        while not self._block and not self._over:
            await self._read()
        return bool(self._block)

    async def next(self, size: int, seconds: float) -> AsyncIterator[bytes]:
        """Yield the next `size` bytes; fewer if the body ends or after `seconds`."""
        clock = asyncio.get_running_loop().time
        due = clock() + seconds
        while size and await self.more():
            block, self._block = self._block[:size], self._block[size:]
            size = size - len(block) if clock() < due else 0
            yield block
            del block

    async def proven(self, proof: Proof) -> AsyncIterator[bytes]:
        """Yield all bytes to the end. Raise `cut`, DigestMismatch."""
        seen = proof.begin()
        while await self.more():
            block, self._block = self._block, b""
            seen.update(block)
            yield block
            del block
        if self.cut is not None:
            raise self.cut
        proof.check(seen)

    async def _read(self) -> None:
        if self._stopped is None:
            try:
                async with asyncio.timeout(self._idle) as self._waiting:
                    await self._wait_for_block()
                return
            except StopAsyncIteration:
                pass
            except TimeoutError:
                self.cut = self._stopped or IdleTimeout(self._idle)
            except BodyCut as cut:
                self.cut = cut
            finally:
                self._waiting = None
        else:
            self.cut = self._stopped
        self._over = True

    async def _wait_for_block(self) -> None:
        """Take the next block; it is the last one if the body is too slow."""
        clock = asyncio.get_running_loop().time
        began = clock()
        self._block = await anext(self._blocks)
        # The client's time, without that of recording the last slice.
        self._waited += clock() - began
        if not self._floor.count(len(self._block), self._waited):
            self.cut, self._over = BodyTooSlow(self._rate, self._idle), True
