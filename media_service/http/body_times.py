"""How slowly a request's body may come."""

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
class BodyTimes:
    """Limits on how slowly a body may come: seconds until a small one is whole, and bytes a second of all others."""

    whole: float
    rate: int


BODY_TIMES = AppKey("BODY_TIMES", BodyTimes)
"""Where the application keeps them for every request."""


@asynccontextmanager
async def timed(request: Request, seconds: float) -> AsyncIterator[Callable[[int], None]]:
    """Yield what counts the bytes that came. Raises IdleTimeout, after `seconds` without a call, and BodyTooSlow."""
    clock, rate = asyncio.get_running_loop().time, request.app[BODY_TIMES].rate
    floor = RateFloor(rate, seconds, clock())

    def moved(size: int) -> None:
        if not floor.count(size, clock()):
            raise BodyTooSlow(rate, seconds)
        timeout.reschedule(clock() + seconds)

    try:
        async with asyncio.timeout(seconds) as timeout:
            yield moved
    except TimeoutError:
        raise IdleTimeout(seconds) from None
