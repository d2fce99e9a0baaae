"""The commit server: durable when it answers, batched if possible, one by one if a request fails."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.catalogue import quotas, writes
from media_service.catalogue.ballast import BALLAST_BYTES, RETRY_SECONDS
from media_service.catalogue.change import Change, Refused
from media_service.catalogue.commit_client import CommitClient
from media_service.catalogue.commit_server import open_for_writing
from media_service.catalogue.migrate import migrate
from media_service.catalogue.recording import record
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from media_service.ipc.client import RpcClient
from tests.catalogue.conftest import SCRIPTS
from tests.catalogue.samples import rows
from tests.core.samples import make_upload
from tests.storage.small_disk import on_small_disk
from tests.support.rpc import serve_alone, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

UPLOAD = (
    "INSERT INTO uploads (id, owner, dialect, state, filename, tags, created_at, updated_at)"
    " VALUES ('{}', 'local', 'native', 'receiving', 'a.mp3', '{{}}', 1, 1)"
)


def sql(*statements: str, guard: int | None = None) -> Change:
    return Change([(statement, {}) for statement in statements], guard)


def piece(start: int, stop: int, upload_id: str = "u") -> Change:
    return record(upload_id, Slice(start, stop), now=1)


class Connections:
    """Open writing connections of a catalogue with one upload, `u`, and trace what they execute."""

    def __init__(self, path: Path) -> None:
        self.executed: list[str] = []
        self._path = path
        with closing(open_for_writing(str(path))) as connection:
            connection.execute(UPLOAD.format("u"))

    def open(self) -> sqlite3.Connection:
        """Return a connection for the calling thread."""
        connection = open_for_writing(str(self._path))
        connection.set_trace_callback(self.executed.append)
        return connection

    def commits(self) -> int:
        """Return the number of committed transactions."""
        return self.executed.count("COMMIT")


@asynccontextmanager
async def writing(connect: Callable[[], sqlite3.Connection]) -> AsyncIterator[CommitClient]:
    """Yield a client of a commit server; at the end every request is done."""
    async with served(RpcClient(), partial(serve_alone, connect)) as rpc:
        yield CommitClient(rpc)


@pytest.fixture
def connections(path: Path) -> Connections:
    """Return the connections of a catalogue with one upload."""
    return Connections(path)


@pytest_asyncio.fixture
async def writer(connections: Connections) -> AsyncIterator[CommitClient]:
    """Return a client of a running commit server."""
    async with writing(connections.open) as writer:
        yield writer


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


async def record_on_full_disk(disk: Path) -> Any:
    path = disk / "catalogue.sqlite3"
    migrate(path, SCRIPTS)
    acknowledged: list[int] = []
    async with writing(Connections(path).open) as writer:
        await writer.execute(piece(6000, 6001))
        fill(disk / "ballast")
        slice_trouble = await trouble_of(record_many(writer, acknowledged))
        change_trouble = await trouble_of(writer.execute(sql("UPDATE uploads SET tags = hex(zeroblob(3000000))")))
        (disk / "ballast").unlink()
        await writer.execute(piece(5000, 5001))
    kept = [start for (start,) in rows(path, "SELECT start FROM slices ORDER BY start")]
    return {"slice": slice_trouble, "change": change_trouble, "kept": kept == [*acknowledged, 5000, 6000]}


async def record_many(writer: CommitClient, acknowledged: list[int]) -> None:
    for start in range(5000):
        await writer.execute(piece(start, start + 1))
        acknowledged.append(start)


async def trouble_of(acting: Awaitable[object]) -> str:
    try:
        await acting
    except (StorageFull, CatalogueError) as trouble:
        return trouble.code
    return ""


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_reported_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path / "disk", record_on_full_disk)
    assert seen["slice"] == "storage_full"
    assert seen["kept"]


def test_a_change_on_a_full_disk_is_reported(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", record_on_full_disk)["change"] == "storage_full"


async def test_the_server_continues_after_a_value_that_sqlite_cannot_store(writer: CommitClient) -> None:
    async with asyncio.timeout(5):
        with suppress(CatalogueError):
            await writer.execute(piece(0, 2**63))
        await writer.execute(piece(0, 1))


async def end_on_full_disk(disk: Path) -> Any:
    """Create uploads, fill the disk, and end the uploads one by one and all at once."""
    path = disk / "catalogue.sqlite3"
    migrate(path, SCRIPTS)
    uploads = [make_upload(id=f"u{number}", state=State.CANCELLED) for number in range(300)]
    async with writing(Connections(path).open) as writer:
        for upload in uploads:
            await writer.execute(quotas.create(replace(upload, state=State.RECEIVING)))
        kept = disk / "catalogue.sqlite3.ballast"
        size = kept.stat().st_size
        fill(disk / "filler")
        slice_trouble = await trouble_of(_until_full(writer))
        there = kept.exists()
        for upload in uploads[:50]:
            await writer.execute(writes.save(upload))
        await asyncio.gather(*(writer.execute(writes.save(upload)) for upload in uploads[50:]))
        dropped = not kept.exists()
        (disk / "filler").unlink()
        await asyncio.sleep(RETRY_SECONDS + 0.5)
        await writer.execute(piece(1, 2))
    ended = rows(path, "SELECT count(*) FROM uploads WHERE state = 'cancelled'")
    return {
        "size": size,
        "slice": slice_trouble,
        "there": there,
        "dropped": dropped,
        "ended": ended,
        "again": kept.exists(),
    }


async def _until_full(writer: CommitClient) -> None:
    for number in range(5000):
        await writer.execute(quotas.create(make_upload(id=f"x{number}", tags={"comment": "x" * 8000})))


def test_uploads_can_end_on_a_full_disk_and_only_they_use_the_ballast(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path / "disk", end_on_full_disk, "24m")
    assert seen == {
        "size": BALLAST_BYTES,
        "slice": "storage_full",
        "there": True,
        "dropped": True,
        "ended": [[300]],
        "again": True,
    }
