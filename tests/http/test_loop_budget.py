"""LoopBudget, with a clock that advances only when a block is handled."""

from __future__ import annotations

import asyncio

import pytest

from media_service.http.loop_budget import LoopBudget

pytestmark = pytest.mark.once


class Bodies:
    """Bodies that arrive faster than they are handled: each block takes one second."""

    def __init__(self, seconds: float) -> None:
        self._now = 0.0
        self.loop_budget = LoopBudget(seconds, lambda: self._now)
        self.events: list[str] = []

    async def body(self, name: str, blocks: int = 1) -> None:
        for _ in range(blocks):
            await self.loop_budget.checkpoint()
            self._now += 1.0
            self.events.append(name)

    def mark(self) -> None:
        """Record each iteration of the loop, until the bodies are done."""
        self.events.append("|")
        if len(asyncio.all_tasks()) > 1:
            asyncio.get_running_loop().call_soon(self.mark)

    async def run(self, *bodies: tuple[str, int]) -> str:
        """Return what was done in order, split by iteration."""
        tasks = [asyncio.create_task(self.body(name, blocks)) for name, blocks in bodies]
        asyncio.get_running_loop().call_soon(self.mark)
        await asyncio.gather(*tasks)
        return "".join(self.events).strip("|")


async def test_bodies_continue_in_one_iteration_while_time_is_left() -> None:
    assert await Bodies(10.0).run(("a", 1), ("b", 1), ("c", 1)) == "abc"


async def test_other_tasks_run_when_the_budget_is_used_up() -> None:
    assert await Bodies(2.0).run(("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)) == "ab|cd|e"


async def test_one_body_does_not_block_the_loop() -> None:
    assert await Bodies(2.0).run(("a", 5)) == "aa|aa|a"


async def test_waiting_bodies_keep_their_order() -> None:
    assert await Bodies(1.0).run(("a", 1), ("b", 1), ("c", 1), ("d", 1)) == "a|b|c|d"


async def test_order_is_kept_of_more_bodies_than_are_asked_in_an_iteration() -> None:
    names = "abcdefghijklmnop"
    events = await Bodies(1.0).run(*[(name, 1) for name in names])
    assert events.replace("|", "") == names
    assert all(len(handled) <= 1 for handled in events.split("|"))


async def test_block_longer_than_the_budget_does_not_stop_the_next() -> None:
    assert await Bodies(0.5).run(("a", 1), ("b", 1), ("c", 1)) == "a|b|c"


async def test_cancelled_waiting_body_does_not_block_others() -> None:
    bodies = Bodies(1.0)
    first = asyncio.create_task(bodies.body("a"))
    waiting = asyncio.create_task(bodies.body("b"))
    last = asyncio.create_task(bodies.body("c"))
    await first
    waiting.cancel()
    await asyncio.gather(waiting, last, return_exceptions=True)
    assert waiting.cancelled()
    assert bodies.events == ["a", "c"]


async def test_body_after_a_pause_has_the_whole_budget() -> None:
    bodies = Bodies(2.0)
    await bodies.run(("a", 2))
    await asyncio.sleep(0)
    bodies.events.clear()
    assert await bodies.run(("b", 2)) == "bb"
