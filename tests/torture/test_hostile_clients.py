"""Clients that want to stop the service do not, and everybody else is served meanwhile.

The bounds are those of `tests/support/hostile.py`: `/health` p99 under 250 ms on new connections, memory of all
processes under 300 MiB, log under 1 MB.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.hostile import connections, others
from tests.support.raw import send
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW_DESCRIPTORS = ("prlimit", "--nofile=1024:1024")
HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def server(data: Path, tmp_path: Path) -> Iterator[Server]:
    """A fresh server with its own log."""
    with Server(data, disk_reserve=0, log=tmp_path / "log") as server:
        yield server


def processor_seconds(pid: int) -> float:
    """Return the processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> int:
    """Return how many descriptors the process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_silent_sockets_take_no_place_from_a_new_client(data: Path, tmp_path: Path) -> None:
    with Server(data, disk_reserve=0, log=tmp_path / "log", under=FEW_DESCRIPTORS) as server:
        async with others(server, health=1), connections(server, 1010):
            used = processor_seconds(server.pid)
            for _ in range(5):
                began = time.monotonic()
                answer = await send(server.port, [HEALTH])
                assert answer.status == 200
                assert time.monotonic() - began < 1
                await asyncio.sleep(1)
            assert processor_seconds(server.pid) - used < 2.5, "a core spins"


async def test_server_is_itself_again_when_silent_sockets_have_gone(data: Path, tmp_path: Path) -> None:
    with Server(data, disk_reserve=0, log=tmp_path / "log", under=FEW_DESCRIPTORS) as server:
        before = descriptors(server.pid)
        async with connections(server, 1010):
            pass
        async with others(server):
            await asyncio.sleep(1)
        assert descriptors(server.pid) <= before + 3
