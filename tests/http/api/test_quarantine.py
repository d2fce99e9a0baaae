"""Rejected files: list, download, recheck, force, delete."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.mp3 import make_frames

if TYPE_CHECKING:
    from tests.support.api import Api

QUARANTINE = "/api/v1/quarantine"
ID = "a" * 22
MIB = 1024 * 1024
CUT = make_frames(300, seed=5)[:-100]


async def rejected(api: Api, data: bytes = CUT, name: str = "cut.mp3") -> dict[str, Any]:
    upload = await api.create(name, len(data))
    ended = await api.send_all(upload["id"], data)
    assert ended["state"] == "rejected", ended
    return ended


async def test_truncated_file_is_rejected_with_the_offset(api: Api) -> None:
    ended = await rejected(api)
    assert (ended["verdict"], ended["grade"], ended["problem"]["code"]) == ("reject", None, "damaged")
    (found,) = ended["findings"]
    assert (found["code"], found["severity"], found["offset"]) == ("truncated_frame", "reject", 299 * 417)
    assert (found["expected"], found["actual"]) == (417, 317)
    assert found["message"]


async def test_admin_lists_and_downloads_a_rejected_file(api: Api) -> None:
    ended = await rejected(api)
    listed = (await api.get(QUARANTINE, headers=api.admin)).body["uploads"]
    (row,) = [row for row in listed if row["id"] == ended["id"]]
    assert (row["kept_bytes"], row["findings"][0]["code"]) == (len(CUT), "truncated_frame")
    kept = datetime.fromisoformat(row["kept_until"]) - datetime.fromisoformat(row["updated_at"])
    assert kept == timedelta(days=7)
    content = await api.get(f"{QUARANTINE}/{ended['id']}/content", headers=api.admin)
    assert content.body == CUT
    assert content.headers["Content-Type"] == "application/octet-stream"
    assert content.headers["Content-Disposition"].startswith("attachment")


async def test_forced_file_is_spooled_with_its_findings(api: Api) -> None:
    ended = await rejected(api)
    forced = await api.request("POST", f"{QUARANTINE}/{ended['id']}/force", headers=api.admin)
    assert (forced.status, forced.body["state"]) == (200, "spooled")
    file = (await api.get(forced.body["file"]["url"])).body
    assert (file["verdict"], file["findings"][0]["code"]) == ("reject", "truncated_frame")
    assert (await api.get(file["content_url"])).body.endswith(CUT)
    assert (await api.get(f"{QUARANTINE}/{ended['id']}/content", headers=api.admin)).status == 404


async def test_forced_text_file_is_stored_unchanged(api: Api) -> None:
    ended = await rejected(api, b"words " * 5000, "words.mp3")
    forced = await api.request("POST", f"{QUARANTINE}/{ended['id']}/force", headers=api.admin)
    assert forced.body["state"] == "spooled"


async def test_rechecked_file_is_rejected_again(api: Api) -> None:
    ended = await rejected(api)
    again = await api.request("POST", f"{QUARANTINE}/{ended['id']}/recheck", headers=api.admin)
    assert (again.status, again.body["state"]) == (200, "rejected")
    assert again.body["findings"] == ended["findings"]
    assert (await api.get(f"{QUARANTINE}/{ended['id']}/content", headers=api.admin)).body == CUT


async def test_deleted_rejected_file_is_gone(api: Api) -> None:
    ended = await rejected(api)
    url = f"{QUARANTINE}/{ended['id']}"
    assert (await api.request("DELETE", url, headers=api.admin)).status == 204
    assert (await api.request("DELETE", url, headers=api.admin)).status == 404
    assert (await api.get(f"{url}/content", headers=api.admin)).status == 404
    assert (await api.request("POST", f"{url}/force", headers=api.admin)).status == 404
    assert (await api.show(ended["id"]))["state"] == "rejected"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        *[("GET", f"/{ID}/content"), ("POST", f"/{ID}/force"), ("POST", f"/{ID}/recheck"), ("DELETE", f"/{ID}")],
    ],
)
async def test_only_the_admin_uses_the_quarantine(api: Api, method: str, path: str) -> None:
    assert (await api.request(method, QUARANTINE + path)).status == 401


async def test_a_spooled_upload_cannot_be_forced(api: Api) -> None:
    data = make_frames(50, seed=6)
    upload = await api.create("fine.mp3", len(data))
    assert (await api.send_all(upload["id"], data))["state"] == "spooled"
    answer = await api.request("POST", f"{QUARANTINE}/{upload['id']}/force", headers=api.admin)
    assert (answer.status, answer.code) == (409, "wrong_state")


async def test_video_is_rejected_after_its_first_slice(api: Api) -> None:
    upload = await api.create("film.mp3", 1024 * MIB)
    assert (await api.post(upload["id"], 0, b"\0\0\0\x20ftypisom" + bytes(4 * MIB - 12))).status == 200
    async with asyncio.timeout(10):
        while (seen := await api.show(upload["id"]))["state"] == "receiving":
            await asyncio.sleep(0.02)
    assert (seen["state"], seen["problem"]["code"]) == ("rejected", "not_mp3")
    assert (seen["findings"][0]["code"], seen["findings"][0]["actual"]) == ("not_mpeg_audio", "mp4")
    answer = await api.post(upload["id"], 4 * MIB, bytes(MIB))
    assert (answer.status, answer.code, answer.body["state"]) == (409, "wrong_state", "rejected")
    listed = (await api.get(QUARANTINE, headers=api.admin)).body["uploads"]
    assert [row["kept_bytes"] for row in listed if row["id"] == upload["id"]] == [4 * MIB]
    forced = await api.request("POST", f"{QUARANTINE}/{upload['id']}/force", headers=api.admin)
    assert (forced.status, forced.code) == (409, "bytes_missing")
