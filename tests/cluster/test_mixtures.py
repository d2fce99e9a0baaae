"""PostgreSQL with a folder, SQLite with S3: they work, or are refused at the start in words."""

from __future__ import annotations

import hashlib
import os
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.cluster.nodes import new_backend
from tests.server.tree import status, until
from tests.support.api import Api
from tests.support.backend import Backend
from tests.support.commands import run
from tests.support.databases import SqliteDatabase, new_postgres_database
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server
from tests.support.sidecar import named_children
from tests.support.stores import FolderStore

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets

pytestmark = pytest.mark.slow

KIB = 1024


@pytest.fixture(params=["PostgreSQL and a folder", "SQLite and S3"])
def backend(request: pytest.FixtureRequest, data: Path, postgresql: Databases, versitygw: Buckets) -> Backend:
    if request.param == "SQLite and S3":
        return Backend(SqliteDatabase(data), new_backend(postgresql, versitygw).store)
    return Backend(new_postgres_database(postgresql), FolderStore(data))


async def test_upload_goes_on_after_kills_and_a_reload(
    data: Path, backend: Backend, session: aiohttp.ClientSession
) -> None:
    whole = make_mp3_of(500 * KIB, seed=17_100)
    with Server(data, backend=backend, disk_reserve=0, workers=2, verdict_wait_slice=20) as server:
        api = Api(session, server.url, server.token)
        upload = await api.create("mixed.mp3", len(whole))
        assert (await api.put(upload["id"], 0, whole[: 100 * KIB])).status == 200
        for pid in (server.sidecar, server.finisher, *server.receivers):
            os.kill(pid, signal.SIGKILL)
        until(lambda: status(server) == 200 and len(server.receivers) == 2)
        before = server.receivers
        server.signal(signal.SIGHUP)
        until(lambda: len(server.receivers) == 2 and not set(before) & set(server.receivers))
        assert (await api.put(upload["id"], 100 * KIB, whole[100 * KIB : 300 * KIB])).status == 200
        server.restart()
        assert (await api.put(upload["id"], 300 * KIB, whole[300 * KIB :])).status == 200
        assert (await api.ended(upload["id"]))["digest"] == hashlib.sha256(whole).hexdigest()
        file = (await api.get((await api.show(upload["id"]))["file"]["url"])).body
        assert (await api.get(file["content_url"])).body == server.store.read(file["stored_name"])


async def test_contents_are_read_from_the_store_if_the_operator_wants_it(
    data: Path, postgresql: Databases, versitygw: Buckets, session: aiohttp.ClientSession
) -> None:
    whole = make_mp3_of(300 * KIB, seed=17_101)
    with Server(data, backend=new_backend(postgresql, versitygw), content="redirect") as server:
        api = Api(session, server.url, server.token)
        upload = await api.create("redirected.mp3", len(whole))
        await api.send_all(upload["id"], whole)
        file = (await api.get((await api.ended(upload["id"]))["file"]["url"])).body
        stored = server.store.read(file["stored_name"])
        led = await api.get(file["content_url"], allow_redirects=False)
        assert led.status == 307
        assert urlsplit(led.headers["Location"]).netloc != urlsplit(server.url).netloc
        # Whoever follows has no token of ours.
        async with session.get(led.headers["Location"], headers={"Range": "bytes=5-99"}) as response:
            assert (response.status, await response.read()) == (206, stored[5:100])
            assert "redirected.mp3" in response.headers["Content-Disposition"]
        streamed = await api.get(f"{file['content_url']}?stream", allow_redirects=False)
        assert (streamed.status, streamed.body) == (200, stored)


def test_without_a_folder_and_sqlite_there_is_no_sidecar(data: Path, postgresql: Databases, versitygw: Buckets) -> None:
    with Server(data, backend=new_backend(postgresql, versitygw)) as server:
        assert named_children(server.pid, "media-sidecar") == []
        assert not (data / "sidecar.socket").exists()


def test_database_of_other_files_is_refused(tmp_path: Path, postgresql: Databases) -> None:
    database = new_postgres_database(postgresql)
    first, moved, other = (tmp_path / name for name in ("first", "moved", "other"))
    with Server(first, backend=Backend(database, FolderStore(first))) as server:
        token = server.token
    refused = run("serve", "--port", "0", "--data-dir", str(other), MEDIA_SERVICE_CATALOGUE=database.url)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "are in the folder of another machine" in refused.stderr
    assert refused.stderr.count("\n") == 1
    migrated = run("migrate", "--data-dir", str(other), MEDIA_SERVICE_CATALOGUE=database.url)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    # The folder itself may move, and a deleted token comes back.
    first.rename(moved)
    (moved / "admin-token").unlink()
    with Server(moved, backend=Backend(database, FolderStore(moved))) as server:
        assert server.token == token


def test_bucket_of_another_catalogue_is_refused(tmp_path: Path, postgresql: Databases, versitygw: Buckets) -> None:
    nodes = new_backend(postgresql, versitygw)
    with Server(tmp_path / "node", backend=nodes):
        pass
    settings = nodes.store.environment() | {
        f"MEDIA_SERVICE_{name.upper()}": str(value) for name, value in nodes.store.settings().items()
    }
    refused = run("serve", "--port", "0", "--data-dir", str(tmp_path / "other"), **settings)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has the files of another catalogue, which this one would delete" in refused.stderr
    with Server(tmp_path / "next", backend=nodes):
        pass
