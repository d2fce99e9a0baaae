"""Denial of service: sockets that stay silent, until no descriptor is left.

The limits are those of `tests/support/hostile.py`.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.support.hostile import HEALTH, connections, descriptors, log_lines, sample_others
from tests.support.raw import send
from tests.support.server import Server

FEW_DESCRIPTORS = ("prlimit", "--nofile=1024:1024")


def processor_seconds(pid: int) -> float:
    """Return the processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.alone
async def test_silent_sockets_are_closed_for_a_new_client(data: Path, tmp_path: Path) -> None:
    with Server(data, disk_reserve=0, log=tmp_path / "log", under=FEW_DESCRIPTORS) as server:
        async with sample_others(server, health=1), connections(server, 1010):
            used = processor_seconds(server.receiver)
            for _ in range(5):
                began = time.monotonic()
                response = await send(server.port, [HEALTH])
                assert response.status == 200
                assert time.monotonic() - began < 1
                await asyncio.sleep(1)
            assert processor_seconds(server.receiver) - used < 2.5, "a core spins"


@pytest.mark.alone
async def test_server_recovers_after_silent_sockets_are_closed(data: Path, tmp_path: Path) -> None:
    with Server(data, disk_reserve=0, log=tmp_path / "log", under=FEW_DESCRIPTORS) as server:
        before = descriptors(server.receiver)
        async with connections(server, 1010):
            pass
        async with sample_others(server):
            await asyncio.sleep(1)
        assert descriptors(server.receiver) <= before + 3


@pytest.mark.alone
async def test_no_descriptor_left_neither_spins_nor_fills_the_log(data: Path, tmp_path: Path) -> None:
    """More connections are allowed than there are descriptors."""
    log = tmp_path / "log"
    with Server(data, log=log, under=FEW_DESCRIPTORS, connections=5000, keepalive_timeout=4) as server:
        async with asyncio.timeout(10):
            while "confined" not in log.read_text():
                await asyncio.sleep(0.05)
        async with connections(server, 1100) as opened:
            used = processor_seconds(server.receiver)
            await asyncio.sleep(2)
            assert processor_seconds(server.receiver) - used < 1, "a core spins"
            async with asyncio.timeout(20):
                await opened[0].ended()
                assert (await send(server.port, [HEALTH])).status == 200
        assert [line["event"] for line in log_lines(log)] == ["no descriptor is left for a new connection"]


WAITING = {
    "idle after a request": HEALTH,
    "a JSON body that never comes": b"POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    "responses that are not read": b"GET /static/js/transfer.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400,
}


@pytest.mark.alone
@pytest.mark.parametrize("first", WAITING.values(), ids=WAITING)
async def test_waiting_connections_are_closed_for_a_new_client(data: Path, tmp_path: Path, first: bytes) -> None:
    with Server(data, disk_reserve=0, log=tmp_path / "log", connections=20) as server:
        async with connections(server, 60, first):
            # Until then the server is busy with these requests.
            await asyncio.sleep(2)
            async with sample_others(server, health=1):
                await asyncio.sleep(2)
