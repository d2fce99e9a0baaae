"""Timeouts and minimum rate of request bodies."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp.web import AppKey, Request

from media_service.core.errors.requests import BodyTooSlow, IdleTimeout
from media_service.core.rate import RateFloor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@dataclass(frozen=True, slots=True)
class BodyTimeouts:
    """Limits for slow bodies: seconds to receive a whole small body, and the minimum rate of all others."""

    whole_seconds: float
    min_bytes_per_second: int


BODY_TIMEOUTS = AppKey("BODY_TIMEOUTS", BodyTimeouts)


@asynccontextmanager
async def body_timeout(request: Request, seconds: float) -> AsyncIterator[Callable[[int], None]]:
    """Yield a function to call with each block's size. Raise IdleTimeout if it is not called, BodyTooSlow."""
    clock, min_bytes_per_second = asyncio.get_running_loop().time, request.app[BODY_TIMEOUTS].min_bytes_per_second
    floor = RateFloor(min_bytes_per_second, seconds, clock())

    def count_bytes(size: int) -> None:
        if not floor.count(size, clock()):
            raise BodyTooSlow(min_bytes_per_second, seconds)
        timeout.reschedule(clock() + seconds)

    try:
        async with asyncio.timeout(seconds) as timeout:
            yield count_bytes
    except TimeoutError:
        raise IdleTimeout(seconds) from None
