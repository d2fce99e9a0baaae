"""Work on descriptors in threads."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")


async def run_to_completion(threads: Executor, act: Callable[..., T], *given: object) -> T:
    """What `act` returns. It is waited for even when the caller is cancelled: it works with a descriptor of his."""
    running = asyncio.get_running_loop().run_in_executor(threads, act, *given)
    try:
        return await asyncio.shield(running)
    finally:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
