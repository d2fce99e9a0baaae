"""A budget of memory is shared in the order of arrival, and comes back whole."""

from __future__ import annotations

import asyncio

import pytest

from media_service.core.errors.service import CoversBusy
from media_service.http.memory_budget import WAITING, MemoryBudget


async def test_those_who_wait_get_their_share_in_the_order_in_which_they_came() -> None:
    budget = MemoryBudget(10)
    served: list[str] = []

    async def take(name: str, size: int) -> None:
        async with budget.hold(size, seconds=5):
            served.append(name)

    async with budget.hold(8):
        waiting = [asyncio.create_task(take("large", 9)), asyncio.create_task(take("small", 1))]
        await asyncio.sleep(0.01)
        # It would fit, but others were here before.
        with pytest.raises(CoversBusy):
            await take_at_once(budget, 1)
        assert not served
    await asyncio.gather(*waiting)
    assert served == ["large", "small"]
    await take_at_once(budget, 10)


async def test_who_waits_in_vain_is_refused_and_takes_nothing() -> None:
    budget = MemoryBudget(10)
    async with budget.hold(10):
        with pytest.raises(CoversBusy):
            await take_at_once(budget, 1)
        with pytest.raises(CoversBusy):
            async with budget.hold(1, seconds=0.01):
                pass
        gone = asyncio.create_task(take_at_once(budget, 1, seconds=5))
        await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    await take_at_once(budget, 10)


async def test_only_some_may_wait() -> None:
    budget = MemoryBudget(10)
    async with budget.hold(10):
        waiting = [asyncio.create_task(take_at_once(budget, 1, seconds=5)) for _ in range(WAITING)]
        await asyncio.sleep(0.01)
        with pytest.raises(CoversBusy):
            await take_at_once(budget, 1, seconds=5)
    await asyncio.gather(*waiting)


async def take_at_once(budget: MemoryBudget, size: int, seconds: float = 0) -> None:
    """Take a share and give it back."""
    async with budget.hold(size, seconds):
        pass
