"""The commit server: durable when it answers, batched if possible, one by one if a request fails."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.change import Refused
from media_service.catalogue.sqlite.commit_client import CommitClient
from media_service.catalogue.sqlite.commit_server import open_for_writing
from media_service.core.errors.service import CatalogueError
from tests.catalogue.commits import UPLOAD, Connections, piece, sql, writing
from tests.catalogue.samples import rows

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.catalogue.sqlite.commit_client import CommitClient


def test_the_log_is_synced_at_each_commit(path: Path) -> None:
    with closing(open_for_writing(str(path))) as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 2, 1]


async def test_an_acknowledged_slice_is_visible_to_other_connections(writer: CommitClient, path: Path) -> None:
    with closing(sqlite3.connect(path)) as fresh:
        for start in range(20):
            await writer.execute(piece(start, start + 1))
            assert fresh.execute("SELECT max(start) FROM slices").fetchone() == (start,)


async def test_an_acknowledged_change_is_visible_to_other_connections(writer: CommitClient, path: Path) -> None:
    await writer.execute(sql("UPDATE uploads SET state = 'cancelled'"))
    assert rows(path, "SELECT state FROM uploads") == [("cancelled",)]


async def test_many_slices_share_few_transactions(writer: CommitClient, connections: Connections, path: Path) -> None:
    before = connections.commits()
    await asyncio.gather(*(writer.execute(piece(start, start + 1)) for start in range(2000)))
    assert rows(path, "SELECT start, stop FROM slices") == [(start, start + 1) for start in range(2000)]
    assert 2 <= connections.commits() - before < 100


async def test_a_lone_slice_is_committed_at_once(writer: CommitClient, connections: Connections) -> None:
    before = connections.commits()
    async with asyncio.timeout(5):
        for start in range(5):
            await writer.execute(piece(start, start + 1))
    assert connections.commits() - before == 5


async def test_a_slice_recorded_twice_is_one_row(writer: CommitClient, path: Path) -> None:
    await asyncio.gather(*(writer.execute(piece(0, 10)) for _ in range(5)))
    assert rows(path, "SELECT start, stop FROM slices") == [(0, 10)]


async def test_a_change_that_breaks_a_constraint_fails_alone(writer: CommitClient, path: Path) -> None:
    outcomes = await asyncio.gather(
        writer.execute(sql("UPDATE uploads SET filename = 'b.mp3'")),
        writer.execute(sql(UPLOAD.format("u"))),
        *(writer.execute(piece(start, start + 1)) for start in range(50)),
        writer.execute(sql(UPLOAD.format("v"))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [list, CatalogueError] + [list] * 51
    assert rows(path, "SELECT id, filename FROM uploads") == [("u", "b.mp3"), ("v", "a.mp3")]
    assert rows(path, "SELECT count(*) FROM slices") == [(50,)]


async def test_a_change_is_all_or_nothing(writer: CommitClient, path: Path) -> None:
    with pytest.raises(CatalogueError):
        await writer.execute(sql("UPDATE uploads SET filename = 'b.mp3'", UPLOAD.format("u")))
    assert rows(path, "SELECT filename FROM uploads") == [("a.mp3",)]


async def test_a_slice_without_an_upload_is_refused(writer: CommitClient, path: Path) -> None:
    with pytest.raises(Refused):
        await writer.execute(piece(0, 1, "nobody"))
    await writer.execute(piece(0, 1))
    assert rows(path, "SELECT upload_id FROM slices") == [("u",)]


async def test_a_refused_slice_costs_the_others_no_transaction(
    writer: CommitClient, connections: Connections, path: Path
) -> None:
    before = connections.commits()
    outcomes = await asyncio.gather(
        *(writer.execute(piece(start, start + 1)) for start in range(100)),
        writer.execute(piece(0, 1, "nobody")),
        *(writer.execute(piece(start, start + 1)) for start in range(100, 200)),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Refused) for outcome in outcomes] == [False] * 100 + [True] + [False] * 100
    assert rows(path, "SELECT count(*) FROM slices") == [(200,)]
    assert connections.commits() - before < 10


async def test_requests_are_executed_in_their_order(writer: CommitClient, path: Path) -> None:
    await asyncio.gather(
        *(writer.execute(piece(start, start + 1)) for start in range(500)),
        writer.execute(sql("DELETE FROM slices")),
    )
    assert rows(path, "SELECT count(*) FROM slices") == [(0,)]


async def test_a_slice_that_differs_from_the_recorded_one_is_refused(writer: CommitClient, path: Path) -> None:
    await writer.execute(piece(0, 5))
    with pytest.raises(Refused):
        await writer.execute(piece(0, 10))
    assert rows(path, "SELECT start, stop FROM slices") == [(0, 5)]


async def test_the_server_continues_after_a_failing_statement(writer: CommitClient, path: Path) -> None:
    with pytest.raises(CatalogueError):
        await writer.execute(sql("UPDATE no_such_table SET x = 1"))
    await writer.execute(piece(0, 1))
    assert rows(path, "SELECT count(*) FROM slices") == [(1,)]


async def test_the_server_continues_after_a_locked_database(path: Path) -> None:
    def impatient() -> sqlite3.Connection:
        connection = open_for_writing(str(path))
        connection.execute("PRAGMA busy_timeout=10")
        return connection

    async with writing(impatient) as writer:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CatalogueError):
                await writer.execute(sql(UPLOAD.format("u")))
            other.execute("ROLLBACK")
        await writer.execute(sql(UPLOAD.format("u")))
    assert rows(path, "SELECT id FROM uploads") == [("u",)]


async def test_a_cancelled_request_does_not_affect_others(writer: CommitClient, path: Path) -> None:
    waiting = asyncio.create_task(writer.execute(piece(0, 1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await writer.execute(piece(1, 2))
    assert waiting.cancelled()
    assert rows(path, "SELECT count(*) FROM slices") == [(2,)]


async def test_closing_the_line_commits_waiting_requests(connections: Connections, path: Path) -> None:
    async with writing(connections.open) as writer:
        waiting = [asyncio.create_task(writer.execute(piece(start, start + 1))) for start in range(100)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert rows(path, "SELECT count(*) FROM slices") == [(100,)]


async def test_nothing_is_acknowledged_after_the_end(connections: Connections, path: Path) -> None:
    async with writing(connections.open) as writer:
        pass
    with pytest.raises(CatalogueError):
        await writer.execute(piece(0, 1))
    assert rows(path, "SELECT count(*) FROM slices") == [(0,)]


async def test_requests_fail_until_the_catalogue_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "late" / "catalogue.sqlite3"
    async with writing(lambda: open_for_writing(str(path))) as writer:
        with pytest.raises(CatalogueError):
            await writer.execute(piece(0, 1))
        path.parent.mkdir()
        await writer.execute(sql("CREATE TABLE late (x)"))
    assert rows(path, "SELECT count(*) FROM late") == [(0,)]


async def test_the_server_continues_after_a_value_that_sqlite_cannot_store(writer: CommitClient) -> None:
    async with asyncio.timeout(5):
        with suppress(CatalogueError):
            await writer.execute(piece(0, 2**63))
        await writer.execute(piece(0, 1))
