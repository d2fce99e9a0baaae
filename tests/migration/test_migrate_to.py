"""An installation that has moved goes on where it was, on any number of nodes."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from media_service.catalogue.sqlite import usage_check as sqlite_usage
from media_service.catalogue.transfer import TABLES
from media_service.storage.data_folder import DataFolder
from tests.migration.command import environment, migrate_to, moved, refused
from tests.migration.old import DIALECTS, FILES, FIRST, REJECTED, WAITING, Old, contents, execute
from tests.support.api import Api
from tests.support.backend import Backend, folder_backend
from tests.support.collections import as_caller
from tests.support.commands import run
from tests.support.databases import SqliteDatabase
from tests.support.server import Server
from tests.support.stores import ObjectStore
from tests.support.wire import send

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

pytestmark = [pytest.mark.once, pytest.mark.slow]


def count(database: Any, table: str) -> int:
    ((found,),) = database.rows(f"SELECT count(*) FROM {table}")
    return int(found)


async def test_clients_go_on_at_new_nodes(
    old: Old, place: Backend, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    before = contents(old.data)
    moved(old.data, place)
    assert contents(old.data) == before, "the old folder is as it was"
    with Server(tmp_path / "one", backend=place, disk_reserve=0) as one, Server(old.data, backend=place) as two:
        assert (one.token, two.token) == (old.token, old.token)
        api = Api(session, one.url, one.token)
        for name, dialect in DIALECTS.items():
            upload_id, whole = old.begun[name], FILES[name]
            assert (await api.show(upload_id))["offset"] == FIRST
            rest = dialect.append(upload_id, FIRST, whole[FIRST:], len(whole))
            assert (await send(two.port, rest)).status < 300
            ended = await api.ended(upload_id)
            assert (ended["state"], ended["digest"]) == ("spooled", hashlib.sha256(whole).hexdigest())
        ended = await api.ended(old.waiting)
        assert (ended["state"], ended["digest"]) == ("spooled", hashlib.sha256(WAITING).hexdigest())
        await _check_files(api, old)
        await _check_people(api, old)


async def _check_files(api: Api, old: Old) -> None:
    """Assert that files, search and quarantine are as they were, and new files have other numbers than old ones."""
    found = (await api.get("/api/v1/files?q=grosse+nac", headers=api.admin)).body["files"]
    assert [file["id"] for file in found] == [(await api.show(old.finished))["file"]["id"]]
    content = await api.get(found[0]["content_url"], headers=api.admin)
    assert content.body == (old.data / "spool" / "mp3" / found[0]["stored_name"]).read_bytes()
    taken = (await api.get((await api.show(old.taken))["file"]["url"], headers=api.admin)).body
    assert (await api.get(taken["content_url"], headers=api.admin)).code == "file_taken"
    trashed = (await api.get("/api/v1/files?place=trash", headers=api.admin)).body["files"]
    assert [file["upload_id"] for file in trashed] == [old.trashed]
    thrown_away = (old.data / "spool" / "trash" / f"{trashed[0]['id']}.mp3").read_bytes()
    assert (await api.get(trashed[0]["content_url"], headers=api.admin)).body == thrown_away
    restored = await api.request("POST", f"/api/v1/files/{trashed[0]['id']}/restore", headers=api.admin)
    assert (restored.status, restored.body["place"]) == (200, "spool")
    assert (await api.get(trashed[0]["content_url"], headers=api.admin)).body == thrown_away
    rejected = await api.get(f"/api/v1/quarantine/{old.rejected}/content", headers=api.admin)
    assert rejected.body == REJECTED


async def _check_people(api: Api, old: Old) -> None:
    assert (await api.get("/api/v1/files", headers={"Cookie": old.cookie})).status == 200
    editor = as_caller(api, old.editor)
    shown = (await editor.get("/api/v1/collections")).body["collections"]
    assert [show["slug"] for show in shown] == [old.show["slug"]]
    assert (await api.get(f"/u/{old.link['token']}")).status == 200
    actions = [entry["action"] for entry in (await api.get("/api/v1/audit", headers=api.admin)).body["entries"]]
    assert len(actions) > 2


def test_every_row_is_there_and_sums_are_equal(old: Old, place: Backend) -> None:
    printed = moved(old.data, place)
    source = SqliteDatabase(old.data)
    for table in TABLES:
        there = count(source, table.name)
        assert count(place.database, table.name) == there, table.name
        assert f"{table.name}: {there} rows\n" in printed
        assert there > 0, f"{table.name} is not tested"
    assert count(place.database, "listed_files") == count(source, "listed_files")
    usage = [
        (row.id, row.stored.bytes, row.stored.reserved_bytes)
        for row in sqlite_usage.check(old.data / "catalogue.sqlite3")
    ]
    assert sorted(place.database.rows("SELECT id, bytes, reserved_bytes FROM usage")) == sorted(usage)
    (highest,) = source.rows("SELECT max(id) FROM audit")[0]
    assert place.database.rows("SELECT nextval(pg_get_serial_sequence('audit', 'id'))") == [(highest + 1,)]


def test_what_cannot_be_a_row_of_postgresql_is_told_and_cleaned(old: Old, place: Backend) -> None:
    execute(old.data, "UPDATE uploads SET filename = 'a' || char(0) || 'b', sender = x'00ff' WHERE id = ?", old.taken)
    execute(old.data, "UPDATE files SET bitrate = 'fast', genre = CAST(x'ff41' AS TEXT) WHERE upload_id = ?", old.taken)
    execute(old.data, "UPDATE tokens SET expires_at = 'never' WHERE kind = 'session'")
    execute(old.data, "INSERT INTO slices (upload_id, start, stop, recorded_at) VALUES ('of-no-upload', 0, 1, 1)")
    ended = migrate_to(old.data, place)
    assert ended.returncode == 0, ended.stderr
    assert "4 rows are not as they were" in ended.stdout
    assert place.database.rows("SELECT filename, sender FROM uploads WHERE id = ?", old.taken) == [("ab", None)]
    assert place.database.rows("SELECT bitrate, genre FROM files WHERE upload_id = ?", old.taken) == [(0, "\ufffdA")]
    assert count(place.database, "tokens WHERE kind = 'session'") == 0
    assert f'"row": "\'{old.taken}\'"' in ended.stderr
    assert place.database.rows("SELECT count(*) FROM slices WHERE upload_id = 'of-no-upload'") == [(0,)]


def test_neither_the_old_service_nor_its_commands_start_any_more(old: Old, place: Backend) -> None:
    moved(old.data, place)
    for command in (("serve", "--port", "0"), ("migrate",), ("person", "list")):
        ended = run(*command, "--data-dir", str(old.data))
        assert ended.returncode == 1, ended
        assert f"{old.data} was moved to the database" in ended.stderr
        assert "catalogue and store" in ended.stderr
    (old.data / "moved.json").unlink()
    assert run("person", "list", "--data-dir", str(old.data)).returncode == 0, "the way back"
    assert "has rows of" in refused(old.data, place)


def test_a_second_run_has_nothing_to_do(old: Old, place: Backend) -> None:
    moved(old.data, place)
    before = place.database.dump()
    assert moved(old.data, place) == "moved: start the service with the new settings\n"
    assert place.database.dump() == before


def test_a_running_service_is_refused(old: Old, place: Backend) -> None:
    descriptor = DataFolder(old.data).lock()
    assert refused(old.data, place) == f"media-service: a service uses {old.data}: stop it first"
    os.close(descriptor)


def test_places_that_are_in_use_are_refused(old: Old, place: Backend) -> None:
    with psycopg.connect(str(place.database.settings()["catalogue"]), application_name="media-service"):
        assert "other processes of the service use the database" in refused(old.data, place)
    place.database.execute("INSERT INTO collections (id, slug, title, created_at) VALUES ('c', 'c', 'C', 1)")
    assert "has collections of its own" in refused(old.data, place)
    place.database.execute("DELETE FROM collections")
    assert isinstance(place.store, ObjectStore)
    theirs = {"Bucket": place.store.bucket, "Key": f"{place.store.prefix}/spool/theirs.mp3"}
    place.store.buckets.client().put_object(**theirs, Body=b"x")
    assert "the store has objects of its own, such as spool/theirs.mp3" in refused(old.data, place)
    place.store.remove("theirs.mp3")
    moved(old.data, place)


def test_a_folder_without_installation_is_refused(place: Backend, tmp_path: Path) -> None:
    assert "has no catalogue that could be moved" in refused(tmp_path / "none", place)


def test_a_command_without_target_and_a_password_in_arguments_are_refused(old: Old) -> None:
    ended = run("migrate-to", "--data-dir", str(old.data))
    assert (ended.returncode, ended.stderr) == (
        2,
        "media-service: where to? Set catalogue, store, or both: here, or in the new settings\n",
    )
    ended = run("migrate-to", "--catalogue", "postgresql://media:secret@127.0.0.1/media")
    assert ended.returncode == 2
    assert "must not have a password" in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.long
async def test_the_catalogue_may_move_alone(old: Old, place: Backend, session: aiohttp.ClientSession) -> None:
    before = contents(old.data)
    started = run("serve", "--data-dir", str(old.data), **environment(place, files=False))
    assert "has a catalogue already: move it by `media-service migrate-to`" in started.stderr
    moved(old.data, place, files=False)
    assert contents(old.data) == before
    with Server(old.data, backend=Backend(place.database, folder_backend(old.data).store)) as server:
        await _go_on(Api(session, server.url, server.token), old)
    assert "was moved to the database" in run("serve", "--data-dir", str(old.data)).stderr
    assert "only rows in SQLite can be moved" in refused(old.data, place)


@pytest.mark.long
async def test_the_files_may_move_alone_and_the_catalogue_later(
    old: Old, place: Backend, session: aiohttp.ClientSession
) -> None:
    moved(old.data, place, rows=False)
    half_moved = Backend(SqliteDatabase(old.data), place.store)
    with Server(old.data, backend=half_moved, disk_reserve=0) as server:
        await _go_on(Api(session, server.url, server.token), old)
        server.stop()
    assert "was moved to the store s3://" in run("serve", "--data-dir", str(old.data)).stderr
    moved(old.data, place)
    with Server(old.data, backend=place) as server:
        api = Api(session, server.url, server.token)
        assert (await api.show(old.begun["native"]))["state"] == "spooled"
        assert (await api.show(old.begun["tus"]))["offset"] == FIRST


async def _go_on(api: Api, old: Old) -> None:
    whole = FILES["native"]
    assert (await api.put(old.begun["native"], FIRST, whole[FIRST:])).status == 200
    assert (await api.ended(old.begun["native"]))["digest"] == hashlib.sha256(whole).hexdigest()
    assert (await api.ended(old.waiting))["state"] == "spooled"
