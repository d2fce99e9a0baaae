"""Parts that count, as two processes have them: connected by the relay of the sidecar."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.contracts.test_bus import Heard, connected, in_two_processes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.core.ports.bus import Bus


class Clock:
    """A clock that a test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def two_buses() -> AsyncIterator[tuple[Bus, Bus]]:
    """Yield the connected buses of two processes."""
    async with in_two_processes() as buses:
        await connected(buses)
        yield buses


async def hints_arrived(sender: Bus, receiver: Bus) -> None:
    """Return when what was published here has arrived there: hints keep their order."""
    heard = Heard()
    receiver.subscribe("after all others", heard)
    sender.publish("after all others")
    await heard.until(1)
