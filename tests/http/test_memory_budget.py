"""MemoryBudget: reservations in order of arrival, and all memory is released."""

from __future__ import annotations

import asyncio

import pytest

from media_service.core.errors.service import CoversBusy
from media_service.http.memory_budget import MAX_WAITING, MemoryBudget

pytestmark = pytest.mark.once


async def test_reservations_are_granted_in_order_of_arrival() -> None:
    budget = MemoryBudget(10)
    served: list[str] = []

    async def take(name: str, size: int) -> None:
        async with budget.reserve(size, seconds=5):
            served.append(name)

    async with budget.reserve(8):
        waiting = [asyncio.create_task(take("large", 9)), asyncio.create_task(take("small", 1))]
        await asyncio.sleep(0.01)
        # It would fit, but other requests wait.
        with pytest.raises(CoversBusy):
            await take_at_once(budget, 1)
        assert not served
    await asyncio.gather(*waiting)
    assert served == ["large", "small"]
    await take_at_once(budget, 10)


async def test_reservation_after_the_timeout_is_refused_and_takes_nothing() -> None:
    budget = MemoryBudget(10)
    async with budget.reserve(10):
        with pytest.raises(CoversBusy):
            await take_at_once(budget, 1)
        with pytest.raises(CoversBusy):
            async with budget.reserve(1, seconds=0.01):
                pass
        gone = asyncio.create_task(take_at_once(budget, 1, seconds=5))
        await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    await take_at_once(budget, 10)


async def test_number_of_waiting_reservations_is_limited() -> None:
    budget = MemoryBudget(10)
    async with budget.reserve(10):
        waiting = [asyncio.create_task(take_at_once(budget, 1, seconds=5)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0.01)
        with pytest.raises(CoversBusy):
            await take_at_once(budget, 1, seconds=5)
    await asyncio.gather(*waiting)


async def take_at_once(budget: MemoryBudget, size: int, seconds: float = 0) -> None:
    """Reserve a share and release it."""
    async with budget.reserve(size, seconds):
        pass
