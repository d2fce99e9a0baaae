"""Relay and `SidecarBus`: a slow, stopped or missing process is nobody else's problem."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from media_service.ipc.bus import SidecarBus
from media_service.ipc.client import RpcClient
from media_service.ipc.relay import MAX_WAITING, Relay
from tests.support.rpc import served

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_SECONDS = 10.0


@contextmanager
def silent(relay: Relay) -> Iterator[None]:
    """Connect a process that reads nothing."""
    near, far = socket.socketpair()
    thread = threading.Thread(target=relay.serve, args=(far,))
    thread.start()
    try:
        yield
    finally:
        near.close()
        thread.join(WITHIN_SECONDS)
        far.close()
    assert not thread.is_alive()


async def test_process_that_does_not_read_delays_no_other() -> None:
    relay = Relay()
    with silent(relay):
        async with served(RpcClient(), relay.serve) as sender, served(RpcClient(), relay.serve) as receiver:
            heard: list[int] = []
            here, there = SidecarBus(sender), SidecarBus(receiver)
            there.subscribe("recorded", lambda number, _: heard.append(number))
            await asyncio.sleep(0.05)
            for number in range(3 * MAX_WAITING):
                here.publish("recorded", number, "x" * 1000)
                # A batch of its own, more of them than may wait for one process.
                await asyncio.sleep(0)
            async with asyncio.timeout(WITHIN_SECONDS):
                while not heard or heard[-1] != 3 * MAX_WAITING - 1:
                    here.publish("recorded", 3 * MAX_WAITING - 1, "")
                    await asyncio.sleep(0.02)


async def test_hints_reach_the_own_process_without_a_sidecar() -> None:
    bus, heard = SidecarBus(RpcClient()), asyncio.Event()
    bus.subscribe("recorded", heard.set)
    bus.publish("recorded")
    async with asyncio.timeout(WITHIN_SECONDS):
        await heard.wait()


async def test_hints_are_dropped_while_the_sidecar_does_not_read() -> None:
    near, far = socket.socketpair()
    with far:
        client = RpcClient()
        await client.connect(near)
        bus = SidecarBus(client)
        async with asyncio.timeout(WITHIN_SECONDS):
            while not client.is_congested:
                bus.publish("recorded", b"x" * 65536)
                await asyncio.sleep(0)
        unsent = len(client._unsent)
        bus.publish("recorded", b"x" * 65536)
        assert len(client._unsent) == unsent
    await client.wait_closed()


async def test_client_is_not_congested_after_a_new_connection() -> None:
    near, far = socket.socketpair()
    client = RpcClient()
    await client.connect(near)
    while not client.is_congested:
        client.notify(b"x" * 65536)
        await asyncio.sleep(0)
    far.close()
    await client.wait_closed()
    async with served(client, Relay().serve):
        assert not client.is_congested
