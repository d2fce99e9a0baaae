"""What one node does holds on the other one, also when the first has died."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.cluster.nodes import new_backend, two_nodes
from tests.http.dialects.dialect_clients import Dialect, Draft, Native, Tus
from tests.support.api import Api
from tests.support.backend import Backend
from tests.support.databases import PostgresDatabase
from tests.support.mp3 import make_mp3_of
from tests.support.raw import head, multipart, part
from tests.support.server import Server
from tests.support.wire import read_response, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets

KIB = 1024
DIALECTS: dict[str, Dialect] = {"native": Native(), "tus": Tus(), "draft": Draft()}
FILES = {name: make_mp3_of(900 * KIB, seed=17_000 + number) for number, name in enumerate(DIALECTS)}
FIRST, CUT = 300 * KIB, 500 * KIB
"""Where the acknowledged bytes end, and where the connection was when the node died."""


@pytest.fixture(scope="module")
def lasting(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Databases, versitygw: Buckets
) -> Iterator[tuple[Server, Server]]:
    """Yield two nodes that no test kills."""
    with two_nodes(tmp_path_factory.mktemp("lasting"), new_backend(postgresql, versitygw)) as nodes:
        yield nodes


def apis(nodes: tuple[Server, Server], session: aiohttp.ClientSession) -> tuple[Api, Api]:
    one, two = (Api(session, node.url, node.token) for node in nodes)
    return one, two


async def test_slices_of_one_upload_may_go_to_either_node(
    lasting: tuple[Server, Server], session: aiohttp.ClientSession
) -> None:
    one, two = apis(lasting, session)
    whole = make_mp3_of(1_000 * KIB, seed=17_010)
    upload = await one.create("either.mp3", len(whole))
    offsets = range(0, len(whole), 100 * KIB)
    sent = [
        api.put(upload["id"], offset, whole[offset : offset + 100 * KIB])
        for offset, api in zip(offsets, [two, one] * len(offsets), strict=False)
    ]
    assert {answer.status for answer in await asyncio.gather(*sent)} == {200}
    for api in (one, two):
        assert (await api.ended(upload["id"]))["digest"] == hashlib.sha256(whole).hexdigest()
        file = (await api.get((await api.show(upload["id"]))["file"]["url"])).body
        assert (await api.get(file["content_url"])).body == lasting[0].store.read(file["stored_name"])


async def test_admin_token_and_sessions_are_the_same_on_both(
    lasting: tuple[Server, Server], session: aiohttp.ClientSession
) -> None:
    assert lasting[0].token == lasting[1].token
    one, two = apis(lasting, session)
    signed_in = await one.request("POST", "/session", json={"token": one.token})
    cookie = {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0]}
    for api in (two, one):
        assert (await api.get("/api/v1/files", headers=cookie)).status == 200
    assert (await two.request("DELETE", "/session", headers=cookie)).status == 204
    async with asyncio.timeout(10):
        while (await one.get("/api/v1/files", headers=cookie)).status != 401:
            await asyncio.sleep(0.05)


async def test_node_that_asks_for_the_end_hears_of_it_from_the_other(
    lasting: tuple[Server, Server], session: aiohttp.ClientSession
) -> None:
    one, two = apis(lasting, session)
    whole = make_mp3_of(200 * KIB, seed=17_011)
    for api in (one, two):
        upload = await api.create("awaited.mp3", len(whole))
        answer = await api.put(upload["id"], 0, whole)
        assert (answer.status, answer.body["state"]) == (200, "spooled"), "the verdict came in time on both"


async def test_newer_append_at_the_other_node_ends_the_older(lasting: tuple[Server, Server]) -> None:
    one, two = lasting
    whole = FILES["tus"]
    created = await send(one.port, Tus().create(len(whole)))
    upload_id = created.location.rpartition("/")[2]
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(Tus().append(upload_id, 0, whole[:CUT], len(whole), announced=len(whole)))
    await writer.drain()
    await asyncio.sleep(0.2)
    offset = await tus_offset(two, upload_id)
    assert 0 <= offset <= CUT
    answer = await send(two.port, Tus().append(upload_id, offset, whole[offset:], len(whole)))
    assert answer.status == 204, answer
    async with asyncio.timeout(20):
        await reader.read()
    writer.close()
    assert await tus_offset(one, upload_id) == len(whole)


@pytest.mark.parametrize("form", ["raw", "multipart"])
async def test_slice_that_the_other_node_recorded_meanwhile_ends_or_is_acknowledged(
    lasting: tuple[Server, Server], session: aiohttp.ClientSession, form: str
) -> None:
    one, two = lasting
    api = Api(session, two.url, two.token)
    whole = FILES["native"]
    upload_id = (await api.create("twice.mp3", len(whole)))["id"]
    piece = whole[:FIRST]
    message = slice_message(upload_id, piece, form)
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    half = len(message) - FIRST // 2
    writer.write(message[:half])
    await asyncio.sleep(0.2)
    assert (await api.put(upload_id, 0, piece)).status == 200
    writer.write(message[half:])
    answer = await read_response(reader)
    writer.close()
    # The hint that ends it may come after its last byte.
    assert answer.status == 200 or answer.json["code"] == "superseded", answer
    assert (await api.show(upload_id))["received"] == [[0, FIRST]]


def slice_message(upload_id: str, piece: bytes, form: str) -> bytes:
    """Return a request with the piece as the first slice, in one of the forms that a slice may have."""
    path = f"/api/v1/uploads/{upload_id}/slices"
    if form == "raw":
        return request("PUT", f"{path}/0", {}, piece)
    body = multipart(part("offset", "0"), part("slice", piece, "blob"))
    return head("POST", path, length=len(body)) + body


async def tus_offset(node: Server, upload_id: str) -> int:
    return (await send(node.port, request("HEAD", f"/tus/{upload_id}", {"Tus-Resumable": "1.0.0"}))).offset


async def test_every_dialect_goes_on_at_the_other_node_when_the_first_died(
    nodes: tuple[Server, Server], session: aiohttp.ClientSession
) -> None:
    one, two = nodes
    api = Api(session, two.url, two.token)
    begun, open_connections = {}, []
    for name, dialect in DIALECTS.items():
        whole = FILES[name]
        created = await send(one.port, dialect.create(len(whole)))
        begun[name] = created.location.rpartition("/")[2]
        answer = await send(one.port, dialect.append(begun[name], 0, whole[:FIRST], len(whole)))
        assert 200 <= answer.status < 300, answer
        _, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(dialect.append(begun[name], FIRST, whole[FIRST:CUT], len(whole), announced=len(whole) - FIRST))
        await writer.drain()
        open_connections.append(writer)
    await asyncio.sleep(0.2)
    one.kill()
    for name, dialect in DIALECTS.items():
        whole = FILES[name]
        offset = int((await api.show(begun[name]))["offset"])
        assert offset >= FIRST
        answer = await send(two.port, dialect.append(begun[name], offset, whole[offset:], len(whole)))
        assert 200 <= answer.status < 300, answer
        assert (await api.ended(begun[name]))["digest"] == hashlib.sha256(whole).hexdigest()
    for writer in open_connections:
        writer.close()


async def test_file_that_a_dead_node_was_finishing_is_finished_by_the_other(
    nodes: tuple[Server, Server], session: aiohttp.ClientSession
) -> None:
    whole = make_mp3_of(3_000 * KIB, seed=17_012)
    uploads = []
    for node in nodes:
        api = Api(session, node.url, node.token)
        for _ in range(2):
            uploads.append((await api.create("finish.mp3", len(whole)))["id"])
            await api.put(uploads[-1], 0, whole[:-1])
    dead, left = nodes
    api = Api(session, dead.url, dead.token)
    await asyncio.gather(*(api.put(upload_id, len(whole) - 1, whole[-1:]) for upload_id in uploads[:-1]))
    dead.kill()
    api = Api(session, left.url, left.token)
    await api.put(uploads[-1], len(whole) - 1, whole[-1:])
    for upload_id in uploads:
        assert (await api.ended(upload_id, 60))["digest"] == hashlib.sha256(whole).hexdigest()


def test_nodes_that_start_at_once_make_one_catalogue(tmp_path: Path, postgresql: Databases, versitygw: Buckets) -> None:
    empty = Backend(PostgresDatabase(postgresql.create()), new_backend(postgresql, versitygw).store)
    nodes = [Server(tmp_path / name, backend=empty, disk_reserve=0) for name in ("one", "two")]
    with ThreadPoolExecutor() as executor, ExitStack() as running:
        for node in executor.map(Server.start, nodes):
            running.enter_context(node)
        assert nodes[0].token == nodes[1].token
