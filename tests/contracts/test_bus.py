"""Suite of `core.ports.bus.Bus`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from media_service.catalogue.postgresql.bus import PostgresBus
from media_service.catalogue.postgresql.session import Session
from media_service.ipc.bus import LocalBus, SidecarBus
from media_service.ipc.client import RpcClient
from media_service.ipc.relay import Relay
from tests.support.rpc import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from media_service.core.ports.bus import Bus

    Buses = tuple[Bus, Bus]


@asynccontextmanager
async def in_one_process() -> AsyncIterator[Buses]:
    bus = LocalBus()
    yield bus, bus


@asynccontextmanager
async def in_two_processes() -> AsyncIterator[Buses]:
    relay = Relay()
    async with served(RpcClient(), relay.serve) as here, served(RpcClient(), relay.serve) as there:
        yield SidecarBus(here), SidecarBus(there)


@asynccontextmanager
async def on_two_nodes(url: str) -> AsyncIterator[Buses]:
    here, there = Session(url), Session(url)
    buses = PostgresBus(here), PostgresBus(there)
    for session in (here, there):
        await session.open()
    yield buses
    for session in (here, there):
        await session.close()


ADAPTERS: dict[str, Callable[[Callable[[], str]], AbstractAsyncContextManager[Buses]]] = {
    "local": lambda _: in_one_process(),
    "sidecar": lambda _: in_two_processes(),
    "postgresql": lambda database: on_two_nodes(database()),
}
"""Contexts of two buses: of two processes, or twice the one of a single process. `database` makes one, and returns its
URL."""

WITHIN_SECONDS = 10.0


class State(StrEnum):
    """No plain value, though it is a string."""

    READY = "ready"


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[Buses]:
    async with ADAPTERS[request.param](lambda: request.getfixturevalue("database")) as buses:
        yield buses


class Heard:
    """Record what a handler was called with."""

    def __init__(self) -> None:
        self.payloads: list[tuple[Any, ...]] = []

    def __call__(self, *payload: Any) -> None:
        self.payloads.append(payload)

    async def until(self, count: int) -> list[tuple[Any, ...]]:
        """Return all payloads once there are so many."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while len(self.payloads) < count:
                await asyncio.sleep(0.005)
        return self.payloads


async def connected(buses: Buses) -> None:
    """Return when hints go from each bus to the other: one that is published while the other connects is lost."""
    for sender, receiver in (buses, buses[::-1]):
        heard = Heard()
        receiver.subscribe("connected", heard)
        async with asyncio.timeout(WITHIN_SECONDS):
            while not heard.payloads:
                sender.publish("connected")
                await asyncio.sleep(0.01)


async def test_hint_reaches_every_process_and_the_own_one_once(buses: Buses) -> None:
    await connected(buses)
    heard = Heard(), Heard()
    for bus, handler in zip(buses, heard, strict=True):
        bus.subscribe("recorded", handler)
    buses[0].publish("recorded", "id", 0, 2**40, None, b"\x00", True, 0.5)
    buses[0].publish("last")
    for handler in heard:
        assert await handler.until(1) == [("id", 0, 2**40, None, b"\x00", True, 0.5)]
    await asyncio.sleep(0.05)
    assert [len(handler.payloads) for handler in heard] == [1, 1]


async def test_hints_of_one_process_arrive_in_order(buses: Buses) -> None:
    await connected(buses)
    heard = Heard()
    buses[1].subscribe("recorded", heard)
    for number in range(500):
        buses[0].publish("recorded", number)
    assert await heard.until(500) == [(number,) for number in range(500)]


async def test_handlers_hear_their_topic_only(buses: Buses) -> None:
    await connected(buses)
    heard = Heard()
    buses[1].subscribe("recorded", heard)
    buses[0].publish("supersede", "other")
    buses[0].publish("recorded", "own")
    assert await heard.until(1) == [("own",)]


async def test_no_handler_is_called_during_publish(buses: Buses) -> None:
    heard = Heard()
    buses[0].subscribe("recorded", heard)
    buses[0].publish("recorded")
    assert heard.payloads == []
    assert await heard.until(1) == [()]


@pytest.mark.parametrize("end", [0, 1])
async def test_failing_handler_is_logged_and_stops_no_other(buses: Buses, end: int) -> None:
    await connected(buses)

    def fail() -> None:
        raise RuntimeError("handler")

    heard = Heard()
    buses[end].subscribe("recorded", fail)
    buses[end].subscribe("recorded", heard)
    with capture_logs() as logged:
        buses[0].publish("recorded")
        buses[0].publish("recorded")
        assert await heard.until(2) == [(), ()]
    assert [line["event"] for line in logged] == ["hint failed", "hint failed"]


@pytest.mark.parametrize("value", [object(), State.READY])
async def test_value_that_is_not_plain_is_refused(buses: Buses, value: Any) -> None:
    with pytest.raises(ValueError, match="unmarshallable"):
        buses[0].publish("recorded", value)
