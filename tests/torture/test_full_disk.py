"""A disk that fills up: 507, nothing recorded, and everything goes on once there is room.

The disk is a small tmpfs in a mount namespace of the server's own: no root is needed where user namespaces exist.
"""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.conftest import missing
from tests.support.api import MIB, Answer, Api
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK = 48 * MIB


class SmallDisk:
    """A server whose data folder is a tmpfs of `DISK` bytes, and what else lies on that disk."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._seen = Path(f"/proc/{server.pid}/root{folder}")

    @property
    def spool(self) -> Path:
        """The spool as the server's namespace sees it."""
        return self._seen / "data" / "spool" / "mp3"

    def fill(self, leave: int) -> None:
        """Other people's data, but for so many bytes."""
        room = os.statvfs(self._seen)
        with (self._seen / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, room.f_bavail * room.f_frsize - leave)

    def free(self) -> None:
        """Other people clean up."""
        (self._seen / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A server on a small disk."""
    namespace = ("unshare", "--map-root-user", "--mount")
    try:
        subprocess.run([*namespace, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("unshare with user namespaces")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = f'mount -t tmpfs -o size={DISK} tmpfs "{folder}" && exec "$@"'
    under = (*namespace, "sh", "-c", mounted, "sh")
    with Server(folder / "data", under=under, disk_reserve=0, finish_wait=0.2) as server:
        yield SmallDisk(server, folder)


@pytest.fixture
def disk_api(disk: SmallDisk, session: aiohttp.ClientSession) -> Api:
    """Its API."""
    return Api(session, disk.server.url, disk.server.token)


async def test_upload_that_does_not_fit_is_refused_at_once(disk: SmallDisk, disk_api: Api) -> None:
    answer = await disk_api.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 2 * DISK})
    assert (answer.status, answer.code) == (507, "storage_full")
    assert "Retry-After" in answer.headers
    assert (await disk_api.get("/api/v1/uploads")).body["uploads"] == []


async def test_upload_with_reserved_room_goes_on_when_others_fill_the_disk(disk: SmallDisk, disk_api: Api) -> None:
    data = make_mp3_of(10 * MIB, seed=51)
    upload = await disk_api.create("reserved.mp3", len(data))
    disk.fill(leave=2 * MIB)
    for offset in range(0, len(data), MIB):
        assert (await disk_api.post(upload["id"], offset, data[offset : offset + MIB])).status == 200
    waiting = await disk_api.show(upload["id"])
    assert waiting["state"] in ("received", "verified"), "there is no room for the tagged file yet"
    disk.free()
    assert (await disk_api.ended(upload["id"], 60))["state"] == "spooled"
    assert (disk.spool / "reserved.mp3").read_bytes().endswith(data)


async def test_slice_without_room_is_507_and_goes_on_after_space_is_freed(disk: SmallDisk, disk_api: Api) -> None:
    data = make_mp3_of(8 * MIB, seed=52)
    upload = await disk_api.create("unknown.mp3")
    assert (await disk_api.post(upload["id"], 0, data[:MIB])).status == 200
    disk.fill(leave=MIB // 2)
    answer = await disk_api.post(upload["id"], MIB, data[MIB : 3 * MIB])
    assert (answer.status, answer.code) == (507, "storage_full")
    assert (await disk_api.show(upload["id"]))["received"] == [[0, MIB]]
    disk.free()
    await disk_api.request("PATCH", f"/api/v1/uploads/{upload['id']}", json={"length": len(data)})
    assert (await disk_api.send_all(upload["id"], data))["state"] == "spooled"
    assert (disk.spool / "unknown.mp3").read_bytes().endswith(data)


async def test_form_without_room_is_507_and_leaves_nothing(disk: SmallDisk, disk_api: Api) -> None:
    data = make_mp3_of(8 * MIB, seed=53)
    disk.fill(leave=MIB)
    answer = await _post_form(disk_api, data)
    assert (answer.status, answer.code) == (507, "storage_full")
    disk.free()
    assert (await _post_form(disk_api, data)).status == 201


async def _post_form(api: Api, data: bytes) -> Answer:
    form = aiohttp.FormData()
    form.add_field("mp3", io.BytesIO(data), filename="form.mp3")
    return await api.request("POST", "/upload", data=form)
