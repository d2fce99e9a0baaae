"""Uploads and files in collections: sent in every dialect, and who sees them."""

from __future__ import annotations

import base64
import io
import secrets
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from mutagen.id3 import ID3

from media_service.core.access import Role
from tests.support.collections import COLLECTIONS, made, person
from tests.support.mp3 import make_frames, make_mp3
from tests.support.pictures import png

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.api import Api, Response
    from tests.support.server import Server


TEXT = b"no music at all\n" * 1000


async def native(caller: Api, slug: str) -> Response:
    return await caller.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 5, "collection": slug})


async def form(caller: Api, slug: str) -> Response:
    fields = aiohttp.FormData({"collection": slug})
    fields.add_field("mp3", io.BytesIO(make_mp3(1, seed=secrets.randbits(30))), filename="a.mp3")
    return await caller.request("POST", "/upload", data=fields, headers={"Accept": "application/json"})


def metadata(slug: str) -> str:
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", "a"), ("collection", slug))
    )


async def tus(caller: Api, slug: str) -> Response:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": metadata(slug)}
    return await caller.request("POST", "/tus/", headers=headers)


async def rufh(caller: Api, slug: str) -> Response:
    headers = {"Upload-Complete": "?0", "Upload-Length": "5", "Upload-Metadata": metadata(slug)}
    return await caller.request("POST", "/rufh/", headers=headers)


DIALECTS = {"native": native, "form": form, "tus": tus, "rufh": rufh}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
async def test_an_upload_of_any_dialect_names_its_collection(
    api: Api, admin: Api, shared_server: Server, dialect: Callable[[Api, str], Awaitable[Response]]
) -> None:
    night, noon = await made(admin), await made(admin)
    sender = await person(api, shared_server, Role.SENDER, [night])
    created = await dialect(sender, night["slug"])
    assert created.status == 201, created
    upload_id = created.headers["Location"].rpartition("/")[2]
    assert (await admin.show(upload_id))["collection"] == night["slug"]
    for caller, slug in ((sender, noon["slug"]), (sender, "no-such-show"), (sender, "%"), (api, night["slug"])):
        refused = await dialect(caller, slug)
        assert (refused.status, refused.code) == (404, "unknown_collection"), (caller.headers, slug)
    await admin.request("PATCH", f"{COLLECTIONS}/{night['slug']}", json={"archived": True})
    for caller in (sender, admin):
        refused = await dialect(caller, night["slug"])
        assert (refused.status, refused.code) == (404, "unknown_collection")
    assert (await admin.show(upload_id))["collection"] == night["slug"]


async def test_a_form_names_its_collection_before_the_file(admin: Api) -> None:
    night = await made(admin)
    fields = aiohttp.FormData()
    fields.add_field("mp3", io.BytesIO(make_mp3(1, seed=9)), filename="a.mp3")
    fields.add_field("collection", night["slug"])
    refused = await admin.request("POST", "/upload", data=fields)
    assert (refused.status, refused.body["field"]) == (400, "collection")


async def test_a_token_for_a_collection_sends_only_there(api: Api, admin: Api, shared_server: Server) -> None:
    night, noon = await made(admin), await made(admin)
    script = await person(api, shared_server, Role.SENDER, [night, noon], only=night["id"])
    assert (await script.create(length=5))["collection"] == night["slug"]
    assert (await native(script, noon["slug"])).code == "unknown_collection"
    await admin.request("PATCH", f"{COLLECTIONS}/{night['slug']}", json={"archived": True})
    refused = await script.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 5})
    assert (refused.status, refused.code) == (404, "unknown_collection")


async def finished(caller: Api, collection: str | None, title: str, data: bytes | None = None) -> dict[str, Any]:
    """Return an upload that has ended."""
    content = make_frames(40, seed=secrets.randbits(30)) if data is None else data
    upload = await caller.create(f"{title}.mp3", len(content), collection=collection, tags={"title": title})
    return await caller.send_all(upload["id"], content)


async def listed(caller: Api, path: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of all pages of two."""
    rows, cursor = [], ""
    while True:
        page = await caller.get(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
        assert page.status == 200, page
        rows += page.body[name]
        if page.body["next"] is None:
            return rows
        cursor = f"&cursor={page.body['next']}"


async def test_an_editor_sees_granted_collections_and_what_they_sent(
    api: Api, admin: Api, shared_server: Server
) -> None:
    night, noon = await made(admin), await made(admin)
    editor = await person(api, shared_server, Role.EDITOR, [night])
    word = f"w{secrets.token_hex(5)}"
    in_night = [await finished(admin, night["slug"], f"{word} {number}") for number in range(3)]
    own = await finished(editor, None, f"{word} own")
    hidden = [await finished(admin, noon["slug"], f"{word} noon"), await finished(admin, None, f"{word} general")]
    bad, hidden_bad = [await finished(admin, show["slug"], word, TEXT) for show in (night, noon)]

    visible = {upload["file"]["id"]: upload["collection"] for upload in [*in_night, own]}
    for query in ("", f"?q={word}", "?sort=title", f"?q={word}&sort=-duration"):
        found = {row["id"]: row["collection"] for row in await listed(editor, f"/api/v1/files{query}", "files")}
        assert found == visible, query
    uploads = await listed(editor, "/api/v1/uploads?scope=all", "uploads")
    assert {row["id"] for row in uploads} == {upload["id"] for upload in [*in_night, own, bad]}
    assert [row["id"] for row in await listed(editor, "/api/v1/quarantine", "uploads")] == [bad["id"]]

    for show, sent in ((night, in_night), (noon, hidden[:1])):
        paths = "/api/v1/files", "/api/v1/uploads?scope=all&state=spooled"
        for path, name in zip(paths, ("files", "uploads"), strict=True):
            filtered = f"{path}{'&' if '?' in path else '?'}collection={show['slug']}"
            rows = await listed(admin, filtered, name)
            ids = {upload["file"]["id"] if name == "files" else upload["id"] for upload in sent}
            assert {row["id"] for row in rows} == ids
            seen = await editor.get(filtered)
            assert seen.status == (200 if show is night else 404)
    refused = await editor.get(f"/api/v1/uploads?collection={night['slug']}")
    assert (refused.status, refused.body["field"]) == (400, "collection")

    for upload in hidden:
        path = f"/api/v1/files/{upload['file']['id']}"
        for method, more in (("GET", ""), ("GET", "/content"), ("GET", "/cover"), ("DELETE", "/cover"), ("PATCH", "")):
            answer = await editor.request(method, path + more, json={"tags": {"title": "x"}}, headers={"If-Match": "*"})
            assert (answer.status, answer.code) == (404, "unknown_file"), (method, more)
    for upload in (*hidden, hidden_bad):
        assert (await editor.get(f"/api/v1/uploads/{upload['id']}")).status == 404
    for method, more in (("GET", "/content"), ("POST", "/recheck"), ("POST", "/force"), ("DELETE", "")):
        answer = await editor.request(method, f"/api/v1/quarantine/{hidden_bad['id']}{more}")
        assert (answer.status, answer.code) == (404, "unknown_upload"), (method, more)
    retagged = await editor.request(
        "PATCH", f"/api/v1/files/{in_night[0]['file']['id']}", json={"tags": {"title": "x"}}, headers={"If-Match": "*"}
    )
    assert (retagged.status, retagged.body["collection"]) == (200, night["slug"])


async def test_a_sender_of_a_collection_does_not_see_what_others_sent(
    api: Api, admin: Api, shared_server: Server
) -> None:
    night = await made(admin)
    sender = await person(api, shared_server, Role.SENDER, [night])
    other = await finished(admin, night["slug"], "other")
    own = await finished(sender, night["slug"], "own")
    assert [row["id"] for row in await listed(sender, "/api/v1/uploads", "uploads")] == [own["id"]]
    assert (await sender.get(f"/api/v1/files/{own['file']['id']}")).body["collection"] == night["slug"]
    assert (await sender.get(f"/api/v1/files/{other['file']['id']}")).code == "unknown_file"
    assert (await sender.get("/api/v1/files")).body["needed"] == "read"


async def test_a_finished_file_has_the_defaults_of_its_collection(admin: Api, shared_server: Server) -> None:
    night = await made(admin, default_tags={"artist": "Team", "title": "Untitled"})
    await admin.request("PUT", f"{COLLECTIONS}/{night['slug']}/cover", data=io.BytesIO(png(9, 9)))
    upload = await finished(admin, night["slug"], "밤")
    file = (await admin.get(f"/api/v1/files/{upload['file']['id']}")).body
    assert (file["title"], file["artist"], file["collection"]) == ("밤", "Team", night["slug"])
    written = ID3(io.BytesIO(shared_server.store.read(file["stored_name"])))
    assert [str(written[name]) for name in ("TIT2", "TPE1")] == ["밤", "Team"]
    assert (await admin.get(f"/api/v1/files/{file['id']}/cover")).body == png(9, 9)
    usage = (await admin.get(f"{COLLECTIONS}/{night['slug']}")).body["usage"]
    assert (usage["files"], usage["reserved_files"]) == (1, 0)


async def test_the_same_bytes_are_asked_for_by_collection(api: Api, admin: Api, shared_server: Server) -> None:
    night, noon = await made(admin), await made(admin)
    sender = await person(api, shared_server, Role.SENDER, [night, noon])
    upload = await finished(sender, night["slug"], "asked for")
    known = f"/api/v1/uploads?content_hash={upload['content_hash']}&length={upload['length']}"
    for query, found in (
        ("", []),
        (f"&collection={night['slug']}", [upload["id"]]),
        (f"&collection={noon['slug']}", []),
    ):
        assert [row["id"] for row in (await sender.get(known + query)).body["uploads"]] == found
    same = {"filename": "a.mp3", "length": upload["length"], "content_hash": upload["content_hash"]}
    again = await sender.request("POST", "/api/v1/uploads", json=same | {"collection": night["slug"]})
    assert (again.status, again.body["id"]) == (200, upload["id"])
    assert (await sender.request("POST", "/api/v1/uploads", json=same | {"collection": noon["slug"]})).status == 201
