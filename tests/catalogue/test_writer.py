"""The one thread that commits: durable when it returns, together where it can, alone where one fails."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event, text

from media_service.catalogue.database import writing_engine
from media_service.catalogue.migrate import migrate
from media_service.catalogue.writer import Writer
from media_service.core.errors import CatalogueTrouble, StorageFull
from tests.catalogue.conftest import SCRIPTS
from tests.catalogue.samples import rows
from tests.storage.small_disk import on_small_disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy import Engine

UPLOAD = (
    "INSERT INTO uploads (id, owner, dialect, state, filename, tags, created_at, updated_at)"
    " VALUES ('{}', 'local', 'native', 'receiving', 'a.mp3', '{{}}', 1, 1)"
)


def sql(statement: str) -> Callable[[Connection], None]:
    def change(connection: Connection) -> None:
        connection.execute(text(statement))

    return change


def piece(start: int, stop: int, upload_id: str = "u") -> dict[str, Any]:
    return {"upload_id": upload_id, "start": start, "stop": stop, "digest": None, "recorded_at": 1}


@pytest_asyncio.fixture
async def engine(path: Path) -> AsyncIterator[Engine]:
    """The writing engine of a catalogue with one upload, `u`."""
    engine = writing_engine(path)
    with engine.begin() as connection:
        connection.execute(text(UPLOAD.format("u")))
    yield engine
    engine.dispose()


@pytest_asyncio.fixture
async def writer(engine: Engine) -> AsyncIterator[Writer]:
    """A writer that runs."""
    writer = Writer(engine)
    writer.start()
    yield writer
    await writer.stop()


def count_commits(engine: Engine) -> list[Connection]:
    commits: list[Connection] = []
    event.listen(engine, "commit", commits.append)
    return commits


async def test_log_is_synced_at_each_commit(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        assert pragmas == ["wal", 2]
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


async def test_a_slice_is_seen_by_others_the_moment_it_is_acknowledged(writer: Writer, path: Path) -> None:
    with closing(sqlite3.connect(path)) as fresh:
        for start in range(20):
            await writer.record(piece(start, start + 1))
            assert fresh.execute("SELECT max(start) FROM slices").fetchone() == (start,)


async def test_a_change_is_seen_by_others_the_moment_it_is_acknowledged(writer: Writer, path: Path) -> None:
    await writer.change(sql("UPDATE uploads SET state = 'cancelled'"))
    assert rows(path, "SELECT state FROM uploads") == [("cancelled",)]


async def test_many_slices_share_few_transactions(writer: Writer, engine: Engine, path: Path) -> None:
    commits = count_commits(engine)
    await asyncio.gather(*(writer.record(piece(start, start + 1)) for start in range(2000)))
    assert rows(path, "SELECT count(*) FROM slices") == [(2000,)]
    assert 2 <= len(commits) < 100


async def test_a_lone_slice_waits_for_nobody(writer: Writer, engine: Engine) -> None:
    commits = count_commits(engine)
    async with asyncio.timeout(5):
        for start in range(5):
            await writer.record(piece(start, start + 1))
    assert len(commits) == 5


async def test_a_slice_recorded_twice_is_one_row(writer: Writer, path: Path) -> None:
    await asyncio.gather(*(writer.record(piece(0, 10)) for _ in range(5)))
    assert rows(path, "SELECT start, stop FROM slices") == [(0, 10)]


async def test_a_change_that_breaks_a_constraint_fails_alone(writer: Writer, path: Path) -> None:
    outcomes = await asyncio.gather(
        writer.change(sql("UPDATE uploads SET filename = 'b.mp3'")),
        writer.change(sql(UPLOAD.format("u"))),
        *(writer.record(piece(start, start + 1)) for start in range(50)),
        writer.change(sql(UPLOAD.format("v"))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), CatalogueTrouble] + [type(None)] * 51
    assert rows(path, "SELECT id, filename FROM uploads") == [("u", "b.mp3"), ("v", "a.mp3")]
    assert rows(path, "SELECT count(*) FROM slices") == [(50,)]


async def test_a_change_is_all_or_nothing(writer: Writer, path: Path) -> None:
    def change(connection: Connection) -> None:
        connection.execute(text("UPDATE uploads SET filename = 'b.mp3'"))
        connection.execute(text(UPLOAD.format("u")))

    with pytest.raises(CatalogueTrouble):
        await writer.change(change)
    assert rows(path, "SELECT filename FROM uploads") == [("a.mp3",)]


async def test_a_slice_of_no_upload_is_trouble(writer: Writer, path: Path) -> None:
    with pytest.raises(CatalogueTrouble):
        await writer.record(piece(0, 1, "nobody"))
    await writer.record(piece(0, 1))
    assert rows(path, "SELECT upload_id FROM slices") == [("u",)]


async def test_a_slice_of_no_upload_fails_alone(writer: Writer, path: Path) -> None:
    outcomes = await asyncio.gather(
        *(writer.record(piece(start, start + 1)) for start in range(100)),
        writer.record(piece(0, 1, "nobody")),
        *(writer.record(piece(start, start + 1)) for start in range(100, 200)),
        return_exceptions=True,
    )
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert rows(path, "SELECT count(*) FROM slices") == [(200,)]


async def test_what_came_first_is_done_first(writer: Writer, path: Path) -> None:
    await asyncio.gather(
        *(writer.record(piece(start, start + 1)) for start in range(500)),
        writer.change(sql("DELETE FROM slices")),
    )
    assert rows(path, "SELECT count(*) FROM slices") == [(0,)]


async def test_a_slice_that_is_not_kept_is_not_acknowledged(writer: Writer, path: Path) -> None:
    await writer.record(piece(0, 5))
    with pytest.raises(CatalogueTrouble):
        await writer.record(piece(0, 10))
    assert rows(path, "SELECT start, stop FROM slices") == [(0, 5)]


async def test_a_failing_statement_is_trouble_and_the_writer_goes_on(writer: Writer, path: Path) -> None:
    with pytest.raises(CatalogueTrouble):
        await writer.change(sql("UPDATE no_such_table SET x = 1"))
    await writer.record(piece(0, 1))
    assert rows(path, "SELECT count(*) FROM slices") == [(1,)]


async def test_a_locked_database_is_trouble_and_the_writer_goes_on(path: Path) -> None:
    engine = writing_engine(path)

    @event.listens_for(engine, "connect")
    def _impatient(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout=10")

    writer = Writer(engine)
    writer.start()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogueTrouble):
            await writer.change(sql(UPLOAD.format("u")))
        other.execute("ROLLBACK")
    await writer.change(sql(UPLOAD.format("u")))
    await writer.stop()
    engine.dispose()
    assert rows(path, "SELECT id FROM uploads") == [("u",)]


async def test_a_waiter_that_gave_up_disturbs_nobody(writer: Writer, path: Path) -> None:
    waiting = asyncio.create_task(writer.record(piece(0, 1)))
    await asyncio.sleep(0)
    waiting.cancel()
    await writer.record(piece(1, 2))
    assert waiting.cancelled()
    assert rows(path, "SELECT count(*) FROM slices") == [(2,)]


async def test_stopping_commits_what_waits(engine: Engine, path: Path) -> None:
    writer = Writer(engine)
    writer.start()
    waiting = [asyncio.create_task(writer.record(piece(start, start + 1))) for start in range(100)]
    await asyncio.sleep(0)
    await writer.stop()
    await asyncio.gather(*waiting)
    assert rows(path, "SELECT count(*) FROM slices") == [(100,)]


async def test_stopping_a_writer_that_never_started_is_harmless(engine: Engine) -> None:
    await Writer(engine).stop()


async def record_on_full_disk(disk: Path) -> Any:
    path = disk / "catalogue.sqlite3"
    migrate(path, SCRIPTS)
    engine = writing_engine(path)
    writer = Writer(engine)
    writer.start()
    await writer.change(sql(UPLOAD.format("u")))
    fill(disk / "ballast")
    acknowledged: list[int] = []
    slice_trouble = change_trouble = ""
    try:
        for start in range(5000):
            await writer.record(piece(start, start + 1))
            acknowledged.append(start)
    except (StorageFull, CatalogueTrouble) as trouble:
        slice_trouble = trouble.code
    try:
        await writer.change(sql("UPDATE uploads SET tags = hex(zeroblob(3000000))"))
    except (StorageFull, CatalogueTrouble) as trouble:
        change_trouble = trouble.code
    (disk / "ballast").unlink()
    await writer.record(piece(5000, 5001))
    await writer.stop()
    engine.dispose()
    kept = [start for (start,) in rows(path, "SELECT start FROM slices ORDER BY start")]
    return {"slice": slice_trouble, "change": change_trouble, "kept": kept == [*acknowledged, 5000]}


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_said_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seen = on_small_disk(tmp_path / "disk", record_on_full_disk)
    assert seen["slice"] == "storage_full"
    assert seen["kept"]


def test_a_change_that_finds_the_disk_full_says_so(tmp_path: Path) -> None:
    assert on_small_disk(tmp_path / "disk", record_on_full_disk)["change"] == "storage_full"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_value_that_sqlite_cannot_hold_does_not_end_the_writer(engine: Engine) -> None:
    writer = Writer(engine)
    writer.start()
    try:
        async with asyncio.timeout(0.5):
            with suppress(CatalogueTrouble):
                await writer.record(piece(0, 2**63))
            await writer.record(piece(0, 1))
    finally:
        await writer.stop()
