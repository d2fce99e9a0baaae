"""The adapter of the catalogue's port: what it returns, and the rows that it writes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from contextlib import closing
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.connection_pool import ConnectionPool
from media_service.catalogue.sqlite_catalogue import SqliteCatalogue
from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.errors.service import CatalogueError
from media_service.core.files import SpoolEntry
from media_service.core.upload import PublishIntent, Review, Slice, Verdict
from media_service.core.upload_states import ENDED, FINISHING, State
from media_service.ipc.client import RpcClient
from tests.catalogue.samples import keep, make_file, reopened, rows, spooled
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.upload import Upload

FULL = make_upload(
    filename="일요일 밤.mp3",
    digest=bytes(32),
    content_hash=bytes(range(32)),
    last_modified=-5,
    sender="김",
    tags={"title": "밤", "comment": "one\ntwo"},
    cover=Cover("image/png", 5, 30, 20),
    chapters=(Chapter(0, "시작"), Chapter(1.5, "Talk", "https://example.com/")),
    facts=FACTS,
    verdict=Verdict("not_mp3", {"reason": "글이다"}),
    file_id="f",
    length=2**63 - 1,
    publish_intent=PublishIntent("밤.mp3", 5, bytes(32), {"title": "밤"}, (Chapter(0, "시작"),)),
    review=Review.FORCED,
    defer_completion=True,
    protocol_fields={"Upload-Metadata": "filename YQ=="},
    address="192.0.2.1",
)


def test_the_full_upload_sets_every_field() -> None:
    unset = [field.name for field in fields(FULL) if field.default == getattr(FULL, field.name)]
    assert unset == [], f"Set {unset} in FULL, so that the next test finds a field that catalogue/rows.py leaves out."


@pytest.mark.parametrize("upload", [make_upload(), FULL, make_upload(length=None, filename="")])
async def test_a_created_upload_is_loaded_unchanged(database: SqliteCatalogue, upload: Upload) -> None:
    await database.create(upload)
    loaded, slices = await database.load("u") or (None, [])
    lost = [field.name for field in fields(upload) if getattr(loaded, field.name) != getattr(upload, field.name)]
    assert (lost, slices) == ([], []), f"catalogue/rows.py loses {lost}: upload_row and upload_value need a line each."


async def test_the_catalogue_outlives_its_process(database: SqliteCatalogue, path: Path) -> None:
    await database.create(FULL)
    await database.record("u", Slice(0, 5, bytes(32)), 1)
    async with reopened(path) as other:
        assert await other.load("u") == (FULL, [Slice(0, 5, bytes(32))])


async def test_an_unknown_upload_is_none(database: SqliteCatalogue) -> None:
    assert await database.load("nobody") is None
    assert await database.file("nothing") is None


async def test_an_id_is_used_once(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    with pytest.raises(CatalogueError):
        await database.create(make_upload(filename="other.mp3"))
    assert rows(path, "SELECT filename FROM uploads") == [("show.mp3",)]


async def test_slices_are_sorted_by_start_and_the_newest_one_sets_updated_at(
    database: SqliteCatalogue, path: Path
) -> None:
    await database.create(make_upload())
    pieces = [Slice(20, 30), Slice(0, 10, b"d" * 32), Slice(10, 20)]
    await asyncio.gather(*(database.record("u", piece, 40 + piece.start) for piece in pieces))
    loaded = await database.load("u")
    assert loaded is not None
    upload, slices = loaded
    assert slices == [Slice(0, 10, b"d" * 32), Slice(10, 20), Slice(20, 30)]
    assert upload.updated_at == 60
    assert rows(path, "SELECT updated_at FROM uploads") == [(1,)]


@pytest.mark.parametrize("state", State)
async def test_slices_are_deleted_when_their_upload_ends_and_only_then(
    database: SqliteCatalogue, path: Path, state: State
) -> None:
    for upload_id in ("u", "other"):
        await database.create(make_upload(id=upload_id))
        await database.record(upload_id, Slice(0, 10), 2)
    await database.save(make_upload(state=state))
    left = {upload_id for (upload_id,) in rows(path, "SELECT upload_id FROM slices")}
    assert left == ({"other"} if state in ENDED else {"u", "other"})
    assert rows(path, "SELECT state FROM uploads WHERE id = 'u'") == [(state.value,)]


async def test_a_delivered_file_is_read_unchanged(database: SqliteCatalogue) -> None:
    file = make_file(sender=None, tags={"title": "밤", "comment": ""}, chapters=(Chapter(0, "시작"),))
    await keep(database, file)
    assert await database.file("f1") == file


async def test_upload_and_file_are_delivered_both_or_neither(database: SqliteCatalogue) -> None:
    taken = make_file(1)
    await keep(database, taken)
    await database.create(make_upload(id="u2"))
    await database.record("u2", Slice(0, 300), 2)
    file = make_file(2, spool_entry=taken.spool_entry)
    with pytest.raises(CatalogueError):
        await database.deliver(spooled(file), file)
    loaded = await database.load("u2")
    assert loaded is not None
    assert (loaded[0].state, loaded[1]) == (State.RECEIVING, [Slice(0, 300)])
    assert await database.file("f2") is None


async def test_uploads_in_a_state_come_oldest_first(database: SqliteCatalogue) -> None:
    for number, state in enumerate([State.VERIFIED, State.RECEIVING, State.RECEIVED]):
        await database.create(make_upload(id=f"u{number}", state=state, created_at=9 - number))
    assert [upload.id for upload in await database.in_state(FINISHING)] == ["u2", "u0"]
    assert await database.in_state(set()) == []


async def test_reads_of_many_uploads_leave_out_their_texts(database: SqliteCatalogue) -> None:
    upload = make_upload(tags={"title": "x"}, chapters=(Chapter(0, "one"),), protocol_fields={"metadata": "a b"})
    await database.create(upload)
    assert await database.in_state({State.RECEIVING}) == [replace(upload, tags={}, chapters=())]
    assert await database.expiring(10, 10) == [replace(upload, tags={}, chapters=())]


async def test_idle_uploads_and_old_uploads_are_expiring(database: SqliteCatalogue) -> None:
    await database.create(make_upload(id="old", updated_at=5))
    await database.create(make_upload(id="touched", updated_at=20))
    await database.create(make_upload(id="receives", updated_at=5))
    await database.create(make_upload(id="ended", updated_at=5, state=State.CANCELLED))
    await database.record("receives", Slice(0, 1), 5)
    await database.record("receives", Slice(1, 2), 20)
    await database.create(make_upload(id="trickles", created_at=-9, updated_at=20))
    assert [upload.id for upload in await database.expiring(10, -9)] == ["old"]
    assert [upload.id for upload in await database.expiring(5, -8)] == ["trickles"]


async def test_uploads_whose_every_byte_is_recorded_are_found(database: SqliteCatalogue) -> None:
    for upload_id, length, state in (
        ("whole", 300, State.RECEIVING),
        ("gap", 300, State.RECEIVING),
        ("unknown", None, State.RECEIVING),
        ("further", 300, State.RECEIVED),
        ("empty", 300, State.RECEIVING),
    ):
        await database.create(make_upload(id=upload_id, length=length, state=state))
    for upload_id in ("whole", "unknown", "further"):
        await database.record(upload_id, Slice(100, 300), 2)
        await database.record(upload_id, Slice(0, 100), 2)
    await database.record("gap", Slice(0, 100), 2)
    await database.record("gap", Slice(101, 300), 2)
    assert await database.receiving_whole() == ["whole"]


async def test_the_duplicate_of_bytes_is_the_owners_newest(database: SqliteCatalogue) -> None:
    await keep(database, make_file(1), make_file(2), make_file(3, owner="else"))
    twin = await database.duplicate_of_bytes("local", FACTS.content_hash, FACTS.size)
    assert twin is not None
    assert (twin.id, twin.file_id) == ("u2", "f2")
    assert await database.duplicate_of_bytes("local", FACTS.content_hash, FACTS.size + 1) is None
    assert await database.duplicate_of_bytes("local", bytes(32), FACTS.size) is None
    assert await database.duplicate_of_bytes("nobody", FACTS.content_hash, FACTS.size) is None


async def test_sessions_are_kept_until_they_end_or_expire(database: SqliteCatalogue) -> None:
    expired, ended, kept = (bytes([number]) * 32 for number in range(3))
    await database.begin_session(expired, 1, 10)
    await database.begin_session(ended, 2, 100)
    await database.begin_session(kept, 10, 110)
    assert sorted(await database.sessions()) == [(ended, 100), (kept, 110)]
    await database.end_session(ended)
    await database.end_session(ended)
    assert await database.sessions() == [(kept, 110)]


async def test_stored_names_are_those_of_files(database: SqliteCatalogue) -> None:
    await keep(database, make_file(1, spool_entry=SpoolEntry("밤.mp3", 1, bytes(32))))
    assert await database.stored_names(["밤.mp3", "밤 (2).mp3", "' OR 1"]) == {"밤.mp3"}
    assert await database.stored_names([]) == set()


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
        await reader.rows((statement, {}))
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
