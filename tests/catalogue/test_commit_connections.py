"""The commit server with several connections, one for each process."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.sqlite import commit_server
from media_service.catalogue.sqlite.commit_client import CommitClient, plain
from media_service.catalogue.sqlite.commit_server import CommitServer
from media_service.core.errors.service import CatalogueError
from media_service.ipc.client import RpcClient
from media_service.ipc.framing import encode_frame
from tests.catalogue.commits import Connections, piece, sql
from tests.catalogue.samples import rows
from tests.support.rpc import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def clients(server: CommitServer, count: int) -> AsyncIterator[list[CommitClient]]:
    """Yield clients with a connection each, and close the server after them."""
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        yield [CommitClient(await stack.enter_async_context(served(RpcClient(), server.serve))) for _ in range(count)]


async def test_requests_of_all_connections_share_transactions(path: Path) -> None:
    connections = Connections(path)
    async with clients(CommitServer(connections.open), 4) as writers:
        await asyncio.gather(*(writer.execute(piece(0, 1)) for writer in writers))
        before = connections.commits()
        await asyncio.gather(*(writer.execute(piece(start, start + 1)) for start in range(500) for writer in writers))
        assert connections.commits() - before < 200
    assert rows(path, "SELECT count(*) FROM slices") == [(500,)]


async def test_each_connection_gets_its_own_responses(path: Path) -> None:
    async with clients(CommitServer(Connections(path).open), 3) as writers:
        calls = [writers[number % 3].execute(sql(f"SELECT {number}")) for number in range(300)]
        assert await asyncio.gather(*calls) == [[(number,)] for number in range(300)]


async def test_an_error_of_one_connection_is_not_that_of_others(path: Path) -> None:
    async with clients(CommitServer(Connections(path).open), 2) as (writer, other):
        outcomes = await asyncio.gather(
            writer.execute(sql("UPDATE no_such_table SET x = 1")),
            *(other.execute(piece(start, start + 1)) for start in range(10)),
            return_exceptions=True,
        )
    assert [type(outcome) for outcome in outcomes] == [CatalogueError] + [list] * 10
    assert rows(path, "SELECT count(*) FROM slices") == [(10,)]


async def test_a_connection_that_breaks_off_in_a_request_does_not_disturb_others(path: Path) -> None:
    server = CommitServer(Connections(path).open)
    async with clients(server, 1) as (writer,):
        near, far = socket.socketpair()
        with near, far:
            near.send(encode_frame((1, plain(sql("DELETE FROM uploads"))))[:-1])
            serving = threading.Thread(target=server.serve, args=(far,))
            serving.start()
            await writer.execute(piece(0, 1))
            near.close()
            await asyncio.to_thread(serving.join)
        await writer.execute(piece(1, 2))
    assert rows(path, "SELECT count(*) FROM slices, uploads") == [(2,)]


async def test_requests_of_a_client_that_died_are_committed(path: Path) -> None:
    server = CommitServer(Connections(path).open)
    near, far = socket.socketpair()
    with far:
        with near:
            near.send(encode_frame((1, plain(piece(0, 1)))))
        await asyncio.to_thread(server.serve, far)
    server.close()
    assert rows(path, "SELECT count(*) FROM slices") == [(1,)]


async def test_a_client_that_reads_no_responses_is_disconnected(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_server, "SEND_SECONDS", 1)
    server = CommitServer(Connections(path).open)
    async with clients(server, 1) as (writer,):
        near, far = socket.socketpair()
        with near, far:
            serving = threading.Thread(target=server.serve, args=(far,))
            serving.start()
            near.send(encode_frame((1, plain(sql("SELECT hex(zeroblob(3000000))")))))
            await writer.execute(piece(0, 1))
            await asyncio.to_thread(serving.join)
        await writer.execute(piece(1, 2))
    assert rows(path, "SELECT count(*) FROM slices") == [(2,)]


async def test_a_closed_server_serves_nobody(path: Path) -> None:
    server = CommitServer(Connections(path).open)
    async with served(RpcClient(), server.serve) as rpc:
        writer = CommitClient(rpc)
        await writer.execute(piece(0, 1))
        await asyncio.to_thread(server.close)
        with pytest.raises(CatalogueError):
            await writer.execute(piece(1, 2))
    near, far = socket.socketpair()
    with near, far:
        await asyncio.to_thread(server.serve, far)
    assert rows(path, "SELECT count(*) FROM slices") == [(1,)]


async def test_an_error_in_the_committing_thread_ends_every_connection_with_it() -> None:
    def connect() -> None:
        raise ZeroDivisionError

    server = CommitServer(connect)  # type: ignore[arg-type]  # it fails before it returns
    near, far = socket.socketpair()
    with near, far, pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(server.serve, far)
    server.close()


COUNT_TO_MILLIONS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT count(*) FROM n"
)


@pytest.mark.parametrize(("writer", "reader"), [(1, 2), (2, 1)])
async def test_a_read_sees_what_another_connection_sent_before_it(path: Path, writer: int, reader: int) -> None:
    """Also if both arrive while a transaction runs, whichever connection is served first."""
    async with clients(CommitServer(Connections(path).open), 3) as each:
        # The server knows a connection once it has responded, as each process asks before it receives (`settle`).
        for client in each:
            await client.execute(sql())
        running = asyncio.ensure_future(each[0].execute(sql(COUNT_TO_MILLIONS)))
        await asyncio.sleep(0.05)
        writing = asyncio.ensure_future(each[writer].execute(piece(0, 1)))
        await asyncio.sleep(0.01)
        assert await each[reader].execute(sql("SELECT count(*) FROM slices")) == [(1,)]
        await asyncio.gather(running, writing)
