"""Do the same with many objects, several at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")


async def for_each(items: Iterable[T], act: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Call `act` for each item, in their order, so many at once. On the first error cancel the others, and raise it.

    Not by a TaskGroup, which raises groups of errors: callers catch single ones.
    """
    pending = iter(items)

    async def work() -> None:
        for item in pending:
            await act(item)

    workers = [asyncio.create_task(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
