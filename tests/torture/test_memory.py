"""Memory of the server while it receives a gigabyte."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.api import MIB, Api, digest_field
from tests.support.memory import peak, private
from tests.support.mp3 import make_mp3_of
from tests.support.raw import head, multipart, part
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp

LIMIT = 200 * MIB
"""137 to 168 MiB are used; pages that receiver and finisher share, about 50 MiB, are counted in each."""

SLOW_LIMIT = 165 * MIB
"""158 to 161 MiB are used, counted likewise; 67 if shared pages count once, as most of those that the supervisor loaded
before it forked. Keeping the last block of each upload would need 20 more."""

UNIT = make_mp3_of(16 * MIB, seed=61)
UNITS = 64
LENGTH = len(UNIT) * UNITS
"""A gibibyte less a few frames, which is never in memory at once."""


def piece(start: int, stop: int) -> bytes:
    """Return these bytes of the large file."""
    first, last = start // len(UNIT), -(-stop // len(UNIT))
    return (UNIT * (last - first))[start - first * len(UNIT) :][: stop - start]


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """Yield a new server, because its peak is measured."""
    with Server(data, disk_reserve=0, forked=False) as server:
        yield server


@pytest.fixture
def large_api(server: Server, session: aiohttp.ClientSession) -> Api:
    return Api(session, server.url, server.token)


def check_memory(server: Server, limit: int = LIMIT) -> None:
    """Assert the peak of receiver, finisher and tag workers, and what the sidecar does not share with them."""
    total = sum(map(peak, server.working)) + private(server.sidecar)
    assert total < limit, f"{total / MIB:.0f} MiB at its peak"


async def test_gigabyte_in_parallel_slices_uses_little_memory(server: Server, large_api: Api) -> None:
    upload = await large_api.create("large.mp3", LENGTH, tags={"title": "Large"})
    starts = iter(range(0, LENGTH, 4 * MIB))

    async def sender() -> None:
        for start in starts:
            response = await large_api.post(upload["id"], start, piece(start, min(start + 4 * MIB, LENGTH)))
            assert response.status == 200, response

    await asyncio.gather(sender(), sender(), sender())
    ended = await large_api.ended(upload["id"], 120)
    assert ended["state"] == "spooled"
    check_memory(server)
    assert (server.spool / "large.mp3").stat().st_size > LENGTH


@pytest.mark.long
async def test_gigabyte_in_one_form_uses_little_memory(server: Server) -> None:
    opening = part("mp3", "", "form.mp3").removesuffix(b"\r\n")
    closing = b"\r\n" + multipart()
    length = len(opening) + LENGTH + len(closing)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head("POST", "/upload", length=length) + opening)
    for _ in range(UNITS):
        writer.write(UNIT)
        await writer.drain()
    writer.write(closing)
    assert b" 201 " in await reader.readline()
    writer.close()
    check_memory(server)
    with (server.spool / "form.mp3").open("rb") as file:
        # Our tag comes before the received bytes.
        file.seek(-LENGTH, os.SEEK_END)
        assert hashlib.file_digest(file, "sha256").digest() == _digest()


async def test_two_hundred_slow_uploads_use_little_memory(server: Server, large_api: Api) -> None:
    """Each has sent half of a slice and waits; none of it stays in memory."""
    held = []
    for _ in range(200):
        upload = await large_api.create(length=MIB)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = head("PUT", f"/api/v1/uploads/{upload['id']}/slices/0", length=MIB)
        writer.write(request + UNIT[: MIB // 2])
        await writer.drain()
        held.append((reader, writer))
    check_memory(server, SLOW_LIMIT)
    for reader, writer in held:
        writer.write(UNIT[MIB // 2 : MIB])
        assert b" 200 " in await reader.readline()
        writer.close()


async def test_digest_of_a_large_slice_is_checked_without_buffering_it(server: Server, large_api: Api) -> None:
    upload = await large_api.create(length=64 * MIB)
    whole = piece(0, 64 * MIB)
    response = await large_api.put(upload["id"], 0, whole, **{"Content-Digest": digest_field(whole)})
    assert response.status == 200
    check_memory(server)


def _digest() -> bytes:
    whole = hashlib.sha256()
    for _ in range(UNITS):
        whole.update(UNIT)
    return whole.digest()
