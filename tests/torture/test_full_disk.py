"""A full disk: 507, nothing recorded, and uploads continue once there is space."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.api import MIB, Api, Response
from tests.support.full_disk import SmallDisk, small_disk
from tests.support.mp3 import make_mp3_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DISK = 48 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Yield a server on a small disk."""
    with small_disk(tmp_path / "disk", DISK) as disk:
        yield disk


@pytest.fixture
def disk_api(disk: SmallDisk, session: aiohttp.ClientSession) -> Api:
    return Api(session, disk.server.url, disk.server.token)


async def test_upload_that_does_not_fit_is_refused_at_once(disk: SmallDisk, disk_api: Api) -> None:
    response = await disk_api.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 2 * DISK})
    assert (response.status, response.code) == (507, "storage_full")
    assert "Retry-After" in response.headers
    assert await disk_api.listed("limit=1") == []


async def test_upload_with_reserved_space_continues_when_others_fill_the_disk(disk: SmallDisk, disk_api: Api) -> None:
    data = make_mp3_of(7 * MIB, seed=51)
    upload = await disk_api.create("reserved.mp3", len(data))
    for offset in range(0, 4 * MIB, MIB):
        assert (await disk_api.post(upload["id"], offset, data[offset : offset + MIB])).status == 200
    # The fourth MiB reserved as many bytes ahead as had been received.
    disk.fill(leave=2 * MIB)
    for offset in range(4 * MIB, len(data), MIB):
        assert (await disk_api.post(upload["id"], offset, data[offset : offset + MIB])).status == 200
    waiting = await disk_api.show(upload["id"])
    assert waiting["state"] in ("received", "verified"), "there is no room for the tagged file yet"
    disk.free()
    assert (await disk_api.ended(upload["id"], 60))["state"] == "spooled"
    assert (disk.spool / "reserved.mp3").read_bytes().endswith(data)


async def test_slice_without_space_is_507_and_succeeds_after_space_is_freed(disk: SmallDisk, disk_api: Api) -> None:
    data = make_mp3_of(8 * MIB, seed=52)
    upload = await disk_api.create("unknown.mp3")
    assert (await disk_api.post(upload["id"], 0, data[:MIB])).status == 200
    disk.fill(leave=MIB // 2)
    response = await disk_api.post(upload["id"], MIB, data[MIB : 3 * MIB])
    assert (response.status, response.code) == (507, "storage_full")
    assert (await disk_api.show(upload["id"]))["received"] == [[0, MIB]]
    disk.free()
    await disk_api.request("PATCH", f"/api/v1/uploads/{upload['id']}", json={"length": len(data)})
    assert (await disk_api.send_all(upload["id"], data))["state"] == "spooled"
    assert (disk.spool / "unknown.mp3").read_bytes().endswith(data)


async def test_form_without_space_is_507_and_leaves_nothing(disk: SmallDisk, disk_api: Api) -> None:
    data = make_mp3_of(8 * MIB, seed=53)
    disk.fill(leave=MIB)
    response = await _post_form(disk_api, data)
    assert (response.status, response.code) == (507, "storage_full")
    disk.free()
    assert (await _post_form(disk_api, data)).status == 201


async def _post_form(api: Api, data: bytes) -> Response:
    form = aiohttp.FormData()
    form.add_field("mp3", io.BytesIO(data), filename="form.mp3")
    return await api.request("POST", "/upload", data=form)


async def test_the_admin_can_sign_in_and_out_on_a_full_disk(disk: SmallDisk, disk_api: Api) -> None:
    disk.fill(leave=0)
    response = await disk_api.request("POST", "/session", json={"token": disk_api.token})
    assert response.status == 204
    cookie = {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}
    assert (await disk_api.get("/api/v1/files", headers=cookie)).status == 200
    await disk_api.request("DELETE", "/session", headers=cookie)
    assert (await disk_api.get("/api/v1/files", headers=cookie)).status == 401
    disk.free()
    assert (await disk_api.request("DELETE", "/session", headers=cookie)).status == 204
