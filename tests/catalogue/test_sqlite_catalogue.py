"""Check what only SQLite's adapter does: connections, files, columns. `tests/contracts` checks the port's promises."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.json_columns import intent_column, intent_value
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.connection_pool import ConnectionPool
from media_service.core.chapters import Chapter
from media_service.core.errors.service import CatalogueError
from media_service.core.upload import PublishIntent, Slice
from media_service.ipc.client import RpcClient
from tests.catalogue.samples import FULL, rows
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from pathlib import Path


async def test_only_this_user_can_read_the_catalogue(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    names = {path, *path.parent.glob(path.name + "-*")}
    assert len(names) == 3
    assert {stat.S_IMODE(name.stat().st_mode) for name in names} == {0o600}


async def test_opening_a_catalogue_that_is_missing_fails_at_once(tmp_path: Path) -> None:
    database = SqliteCatalogue(tmp_path / "missing.sqlite3", RpcClient())
    with pytest.raises(FileNotFoundError):
        await database.open()
    await database.close()


@pytest.mark.parametrize("statement", ["DELETE FROM uploads", "CREATE TABLE x (y)", "PRAGMA user_version=7"])
async def test_the_connection_pool_cannot_write(database: SqliteCatalogue, path: Path, statement: str) -> None:
    await database.create(make_upload())
    reader = ConnectionPool(path)
    await reader.open()
    with pytest.raises(CatalogueError) as trouble:
        await reader.rows(CompiledStatement(text(statement)).bind({}))
    assert "readonly" in str(trouble.value.__cause__)
    await reader.close()
    assert rows(path, "SELECT count(*) FROM uploads") == [(1,)]


async def test_reading_does_not_wait_for_an_open_transaction(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE uploads SET filename = 'half.mp3'")
        async with asyncio.timeout(5):
            loaded = await database.load("u")
    assert loaded is not None
    assert loaded[0].filename == "show.mp3"


async def test_cancelled_reads_block_no_connection(database: SqliteCatalogue) -> None:
    await database.create(make_upload())
    impatient = [asyncio.create_task(database.load("u")) for _ in range(50)]
    await asyncio.sleep(0)
    for task in impatient:
        task.cancel()
    await asyncio.wait(impatient)
    async with asyncio.timeout(10):
        assert all(await asyncio.gather(*(database.load("u") for _ in range(50))))


async def test_a_failing_read_is_an_error(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    rows(path, "DROP TABLE files")
    with pytest.raises(CatalogueError):
        await database.file("f")


async def test_facts_and_verdict_are_stored_as_json(database: SqliteCatalogue, path: Path) -> None:
    await database.create(FULL)
    ((facts, verdict),) = rows(path, "SELECT facts, verdict FROM uploads")
    assert json.loads(facts)["sha256"] == FACTS.sha256.hex()
    assert json.loads(verdict) == {"code": "not_mp3", "details": {"reason": "글이다"}}


def test_a_stored_intent_has_its_chapters_and_an_old_one_has_none() -> None:
    placing = PublishIntent(
        "a.mp3", 5, bytes(32), {"title": "밤"}, (Chapter(0, "시작"), Chapter(1.5, "B", "https://b.example/"))
    )
    assert intent_value(intent_column(placing)) == placing
    old = f'{{"name": "a.mp3", "size": 5, "sha256": "{"0" * 64}", "tags": {{}}}}'
    assert intent_value(old) == PublishIntent("a.mp3", 5, bytes(32), {})


async def test_recording_does_not_write_the_uploads_row(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    await database.record("u", Slice(0, 10), 60)
    assert rows(path, "SELECT updated_at FROM uploads") == [(1,)]
