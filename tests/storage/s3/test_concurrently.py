"""Many things are done several at a time, and an error ends them all."""

from __future__ import annotations

import asyncio

import pytest

from media_service.storage.s3.concurrently import for_each


async def test_each_item_is_done_once_in_order_and_never_more_at_once() -> None:
    begun: list[int] = []
    running = most = 0

    async def act(item: int) -> None:
        nonlocal running, most
        begun.append(item)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await for_each(range(10), act, at_once=3)
    assert (begun, most) == ([*range(10)], 3)


async def test_first_error_is_raised_when_the_others_have_ended() -> None:
    begun, ended = [], []

    async def act(item: int) -> None:
        begun.append(item)
        try:
            await asyncio.sleep(0)
            if item == 1:
                raise FileNotFoundError
            await asyncio.sleep(60)
        finally:
            ended.append(item)

    with pytest.raises(FileNotFoundError):
        await for_each(range(10), act, at_once=3)
    assert sorted(begun) == sorted(ended) == [0, 1, 2]
