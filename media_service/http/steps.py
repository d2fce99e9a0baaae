"""Steps that go to their end even when the client's line drops in the middle of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_under_way: set[asyncio.Task[Any]] = set()


async def unbroken(step: Coroutine[Any, Any, T]) -> T:
    """The step's result. aiohttp cancels a handler whose client is gone; the step goes on and stays consistent."""
    task = asyncio.ensure_future(step)
    # The event loop keeps only a weak hold on a task.
    _under_way.add(task)
    task.add_done_callback(_done)
    return await asyncio.shield(task)


def _done(task: asyncio.Task[Any]) -> None:
    _under_way.discard(task)
    if not task.cancelled():
        # Where the client is gone, nobody else looks at the error.
        task.exception()
