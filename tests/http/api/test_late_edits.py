"""Edits after the end of an upload: by whom, until when, and the resulting file."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from mutagen.id3 import ID3

from tests.support.mp3 import make_mp3
from tests.support.pictures import png

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server

UPLOADS = "/api/v1/uploads"


async def spooled(api: Api, seed: int, **more: Any) -> dict[str, Any]:
    """Return a finished upload."""
    data = make_mp3(1, seed=seed)
    upload = await api.create("late.mp3", len(data), **more)
    ended = await api.send_all(upload["id"], data)
    assert ended["state"] == "spooled", ended
    return ended


async def test_name_tags_chapters_and_cover_change_in_the_file_and_its_rows(api: Api, shared_server: Server) -> None:
    api = await api.browser()
    ended = await spooled(api, 7100, tags={"title": "Draft"})
    changes = {"sender": "Late Larry", "tags": {"title": "밤"}, "chapters": [{"start": 0, "title": "Intro"}]}
    edited = await api.request("PATCH", f"{UPLOADS}/{ended['id']}", json=changes)
    assert edited.status == 200, edited
    assert (edited.body["sender"], edited.body["tags"]) == ("Late Larry", {"title": "밤"})
    assert edited.body["updated_at"] == ended["updated_at"]
    cover = await api.request("PUT", f"{UPLOADS}/{ended['id']}/cover", data=png(30, 30))
    assert (cover.status, cover.body["cover"]["width"]) == (200, 30)
    file = (await api.get(ended["file"]["url"])).body
    assert (file["sender"], file["title"], file["chapters"][0]["title"]) == ("Late Larry", "밤", "Intro")
    tag = ID3(io.BytesIO(shared_server.store.read(file["stored_name"])))
    assert (str(tag["TIT2"]), [picture.data for picture in tag.getall("APIC")]) == ("밤", [png(30, 30)])
    found = await api.get("/api/v1/files?q=late+larry", headers=api.admin)
    assert [one["id"] for one in found.body["files"]] == [file["id"]]
    assert (await api.request("DELETE", f"{UPLOADS}/{ended['id']}/cover")).status == 204
    tag = ID3(io.BytesIO(shared_server.store.read(file["stored_name"])))
    assert tag.getall("APIC") == []


async def test_editable_until_is_shown(api: Api, small: Api) -> None:
    ended = await spooled(api, 7101)
    end, until = (datetime.fromisoformat(ended[name]) for name in ("updated_at", "editable_until"))
    assert until - end == timedelta(minutes=15)
    listed = (await api.listed("state=spooled&limit=1"))[0]
    assert listed["editable_until"] == ended["editable_until"]
    too_late = await spooled(small, 7102)
    assert too_late["editable_until"] == too_late["updated_at"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"json": {"sender": "Larry"}}),
        ("PATCH", "", {"json": {"tags": {"title": "New"}}}),
        ("PATCH", "", {"json": {"chapters": []}}),
        ("PUT", "/cover", {"data": png()}),
        ("DELETE", "/cover", {}),
    ],
)
async def test_edit_after_editable_until_is_refused(small: Api, method: str, path: str, body: dict[str, Any]) -> None:
    """The small server has `late_edits` 0."""
    ended = await spooled(small, 7110)
    answer = await small.request(method, f"{UPLOADS}/{ended['id']}{path}", **body)
    assert (answer.status, answer.code, answer.body["state"]) == (409, "wrong_state", "spooled")


@pytest.mark.parametrize(("who", "status"), [("owner", 200), ("stranger", 404), ("admin", 200), ("script", 404)])
async def test_only_the_owner_and_the_admin_edit_a_file(api: Api, who: str, status: int) -> None:
    owner, stranger = await api.browser(), await api.browser()
    ended = await spooled(owner, 7120)
    caller = {"owner": owner, "stranger": stranger}.get(who, api)
    headers = api.admin if who == "admin" else {}
    path = f"{UPLOADS}/{ended['id']}"
    answer = await caller.request("PATCH", path, json={"sender": who}, headers=headers)
    assert answer.status == status
    assert (await api.show(ended["id"]))["sender"] == (who if status == 200 else None)


async def test_id_is_enough_to_edit_an_upload_without_an_owner(api: Api) -> None:
    ended = await spooled(api, 7130)
    other = await api.browser()
    answer = await other.request("PATCH", f"{UPLOADS}/{ended['id']}", json={"sender": "Larry"})
    assert (answer.status, answer.body["sender"]) == (200, "Larry")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"tags": {"date": "yesterday"}}, 400, "malformed"),
        ({"chapters": [{"start": 5000, "title": "Behind the end"}]}, 400, "malformed"),
        ({"tags": {"comment": "x" * 4000, "lyrics": "y" * 4000, "description": "밤" * 4000}}, 400, "details_too_large"),
        ({"length": 5}, 409, "wrong_state"),
        ({"length": 5, "sender": "Larry"}, 409, "wrong_state"),
        ({"sender": 5}, 400, "malformed"),
    ],
)
async def test_refused_edit_changes_nothing(api: Api, body: object, status: int, code: str) -> None:
    ended = await spooled(api, 7140, tags={"title": "T"})
    answer = await api.request("PATCH", f"{UPLOADS}/{ended['id']}", json=body)
    assert (answer.status, answer.code) == (status, code)
    assert {**await api.show(ended["id"]), "mine": 0} == {**ended, "mine": 0}


async def test_edit_of_a_removed_file_is_410(api: Api, shared_server: Server) -> None:
    ended = await spooled(api, 7150)
    file = (await api.get(ended["file"]["url"])).body
    shared_server.store.remove(file["stored_name"])
    answer = await api.request("PATCH", f"{UPLOADS}/{ended['id']}", json={"tags": {"title": "New"}})
    assert (answer.status, answer.code) == (410, "file_taken")


async def test_admins_edit_after_the_senders_edit_is_refused(api: Api) -> None:
    ended = await spooled(api, 7160)
    file = (await api.get(ended["file"]["url"])).body
    await api.request("PATCH", f"{UPLOADS}/{ended['id']}", json={"tags": {"title": "New"}})
    headers = {**api.admin, "If-Match": f'"{file["spooled_sha256"]}"'}
    answer = await api.request("PATCH", file["url"], json={"tags": {"title": "Librarian's"}}, headers=headers)
    assert (answer.status, answer.code) == (412, "file_changed")


async def test_sender_may_be_set_while_receiving(api: Api) -> None:
    data = make_mp3(1, seed=7170)
    upload = await api.create(length=len(data))
    amended = await api.request("PATCH", f"{UPLOADS}/{upload['id']}", json={"sender": "  Late Larry "})
    assert amended.body["sender"] == "Late Larry"
    ended = await api.send_all(upload["id"], data)
    assert (await api.get(ended["file"]["url"])).body["sender"] == "Late Larry"
    assert (await api.request("PATCH", f"{UPLOADS}/{upload['id']}", json={"sender": ""})).body["sender"] is None
