"""Covers and chapters of finished files: written from the upload, changed by the admin."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from mutagen.id3 import ID3

from tests.http.api.test_covers import CHAPTERS, REFUSED
from tests.media.raw_id3 import frame, tag
from tests.support.mp3 import make_frames
from tests.support.pictures import JPEG, WEBP, gif, padded_jpeg, png

if TYPE_CHECKING:
    from tests.support.api import Api, Response
    from tests.support.server import Server

FRAMES = make_frames(120, seed=95)
BACK = frame("APIC", b"\0image/png\0\4\0" + png(2, 2))


async def spooled(
    api: Api, data: bytes = FRAMES, *, picture: bytes | None = None, chapters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Upload these bytes, cover and chapters; return the finished file."""
    upload = await api.create("covered.mp3", len(data), chapters=chapters or [])
    if picture is not None:
        path = f"/api/v1/uploads/{upload['id']}/cover"
        assert (await api.request("PUT", path, data=io.BytesIO(picture))).status == 200
    ended = await api.send_all(upload["id"], data)
    assert ended["state"] == "spooled", ended
    assert (ended["cover"] is None) == (picture is None)
    file: dict[str, Any] = (await api.get(ended["file"]["url"])).body
    return file


async def change(
    api: Api, file: dict[str, Any], method: str, picture: bytes | None = None, match: str | None = "", **headers: str
) -> Response:
    """Send PUT or DELETE for a file's cover. `match`: If-Match; empty for the file's ETag, None for no field."""
    if match is not None:
        headers["If-Match"] = match or f'"{file["spooled_sha256"]}"'
    data = None if picture is None else io.BytesIO(picture)
    return await api.request(method, f"{file['url']}/cover", data=data, headers=api.admin | headers)


@pytest_asyncio.fixture
async def file(small: Api) -> dict[str, Any]:
    """Return a file with an embedded back cover and an uploaded front cover."""
    return await spooled(small, tag(BACK) + FRAMES, picture=png(30, 20))


async def test_cover_and_chapters_are_written_into_the_file(api: Api, shared_server: Server) -> None:
    plain = await spooled(api)
    file = await spooled(api, picture=JPEG, chapters=CHAPTERS)
    assert file["chapters"] == CHAPTERS
    assert file["audio_sha256"] == plain["audio_sha256"]
    stored = shared_server.store.read(file["stored_name"])
    assert stored.endswith(FRAMES)
    written = ID3(io.BytesIO(stored))
    assert [(each.mime, each.data) for each in written.getall("APIC")] == [("image/jpeg", JPEG)]
    assert [each.start_time for each in written.getall("CHAP")] == [0, 1500]
    shown = await api.get(f"{file['url']}/cover")
    assert (shown.status, shown.body, shown.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert (await api.get(f"/api/v1/uploads/{file['upload_id']}/cover")).code == "unknown_cover"


async def test_chapter_after_the_end_is_reported_and_left_out(api: Api) -> None:
    file = await spooled(api, chapters=[*CHAPTERS, {"start": 3600, "title": "Too late"}])
    assert file["chapters"] == CHAPTERS
    assert file["verdict"] == "warn"
    assert "chapter_after_end" in [found["code"] for found in file["findings"]]


async def test_a_forced_file_has_the_cover_that_was_sent(api: Api) -> None:
    cut = FRAMES[:-100]
    upload = await api.create("halved.mp3", len(cut))
    path = f"/api/v1/uploads/{upload['id']}/cover"
    await api.request("PUT", path, data=io.BytesIO(WEBP))
    assert (await api.send_all(upload["id"], cut))["state"] == "rejected"
    assert (await api.get(path)).body == WEBP
    forced = await api.request("POST", f"/api/v1/quarantine/{upload['id']}/force", headers=api.admin)
    assert (await api.get(f"{forced.body['file']['url']}/cover")).body == WEBP
    assert (await api.get(path)).code == "unknown_cover"


async def test_deleting_a_rejected_file_deletes_its_cover(api: Api) -> None:
    words = b"words " * 1000
    upload = await api.create("words.mp3", len(words))
    path = f"/api/v1/uploads/{upload['id']}/cover"
    await api.request("PUT", path, data=io.BytesIO(WEBP))
    assert (await api.send_all(upload["id"], words))["state"] == "rejected"
    assert (await api.request("DELETE", f"/api/v1/quarantine/{upload['id']}", headers=api.admin)).status == 204
    assert (await api.get(path)).code == "unknown_cover"


async def test_admin_replaces_and_removes_the_cover(small: Api, file: dict[str, Any]) -> None:
    assert (await small.get(f"{file['url']}/cover")).body == png(30, 20)
    answer = await change(small, file, "PUT", JPEG, **{"Content-Type": "text/html"})
    assert answer.status == 200
    assert answer.headers["ETag"] == f'"{answer.body["spooled_sha256"]}"' != f'"{file["spooled_sha256"]}"'
    assert answer.body["audio_sha256"] == file["audio_sha256"]
    assert (await small.get(f"{file['url']}/cover")).body == JPEG
    gone = await change(small, answer.body, "DELETE")
    assert gone.status == 200
    assert (answer.body["cover_url"], gone.body["cover_url"]) == (f"{file['url']}/cover", None)
    assert (await small.get(f"{file['url']}/cover")).code == "unknown_cover"
    content = (await small.get(file["content_url"])).body
    assert BACK in content
    assert content.endswith(FRAMES)


@pytest.mark.parametrize("kind", REFUSED)
async def test_invalid_cover_is_refused_and_the_file_is_unchanged(small: Api, file: dict[str, Any], kind: str) -> None:
    picture, status, code = REFUSED[kind]
    answer = await change(small, file, "PUT", picture)
    assert (answer.status, answer.code) == (status, code)
    assert (await small.get(file["url"])).body == file


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(("match", "status", "code"), [(None, 428, "match_required"), ('"0123"', 412, "file_changed")])
async def test_cover_is_changed_only_if_the_etag_matches(
    small: Api, file: dict[str, Any], method: str, match: str | None, status: int, code: str
) -> None:
    answer = await change(small, file, method, JPEG, match)
    assert (answer.status, answer.code) == (status, code)
    assert (await small.get(f"{file['url']}/cover")).body == png(30, 20)


async def test_only_the_admin_changes_covers_of_existing_files(
    small: Api, small_server: Server, file: dict[str, Any]
) -> None:
    headers = {"If-Match": "*"}
    for method in ("PUT", "DELETE"):
        assert (await small.request(method, f"{file['url']}/cover", data=JPEG, headers=headers)).status == 401
        nowhere = f"/api/v1/files/{'x' * 22}"
        assert (await change(small, file | {"url": nowhere}, method, JPEG)).code == "unknown_file"
        assert (await small.get(f"{nowhere}/cover")).code == "unknown_file"
    small_server.store.remove(file["stored_name"])
    assert (await small.get(f"{file['url']}/cover")).code == "file_taken"
    assert (await change(small, file, "PUT", JPEG)).code == "file_taken"


@pytest.mark.parametrize(
    "own",
    [
        frame("APIC", b"\0image/png\0\3\0<svg onload=alert(1)>"),
        frame("APIC", b"\0-->\0\3\0https://example.com/a.png"),
        frame("APIC", b"\0image/gif\0\3\0" + gif(5000, 2)),
        frame("APIC", b"\0image/jpeg\0\3\0" + padded_jpeg(2 * 2**20 + 1)),
        frame("APIC", b"\0image/jpeg\0\3\0" + JPEG[:50]),
        BACK,
    ],
    ids=["svg", "link", "wide", "large", "cut", "back"],
)
async def test_unsupported_embedded_cover_is_not_served(api: Api, own: bytes) -> None:
    file = await spooled(api, tag(own) + FRAMES)
    assert file["cover_url"] is None
    assert (await api.get(f"{file['url']}/cover")).code == "unknown_cover"


async def test_embedded_cover_is_served_with_the_type_of_its_bytes(api: Api) -> None:
    file = await spooled(api, tag(frame("APIC", b"\0text/html\0\3\0" + WEBP)) + FRAMES)
    shown = await api.get(file["cover_url"])
    assert (shown.body, shown.headers["Content-Type"]) == (WEBP, "image/webp")


async def edit(api: Api, file: dict[str, Any], **body: object) -> Response:
    headers = api.admin | {"If-Match": f'"{file["spooled_sha256"]}"'}
    return await api.request("PATCH", file["url"], json=body, headers=headers)


async def test_admin_changes_and_removes_chapters(small: Api, file: dict[str, Any]) -> None:
    with_chapters = await edit(small, file, chapters=CHAPTERS)
    assert with_chapters.body["chapters"] == CHAPTERS
    titled = await edit(small, with_chapters.body, tags={"title": "Another"})
    assert (titled.body["title"], titled.body["chapters"]) == ("Another", CHAPTERS)
    assert (await small.get(f"{file['url']}/cover")).body == png(30, 20)
    without = await edit(small, titled.body, chapters=[])
    assert (without.body["title"], without.body["chapters"]) == ("Another", [])
    assert b"CHAP" not in (await small.get(file["content_url"])).body


async def test_chapter_after_the_end_of_a_file_is_refused(small: Api, file: dict[str, Any]) -> None:
    answer = await edit(small, file, chapters=[{"start": 60, "title": "Too late"}])
    assert (answer.status, answer.code, answer.body["field"]) == (400, "malformed", "chapters.0.start")
    assert (await small.get(file["url"])).body == file


async def test_embedded_chapters_are_shown(api: Api) -> None:
    chapter = frame("CHAP", b"one\0" + bytes(4) + (900).to_bytes(4) + b"\xff" * 8 + frame("TIT2", b"\0Own"))
    file = await spooled(api, tag(frame("CTOC", b"toc\0\3\1one\0") + chapter) + FRAMES)
    assert file["chapters"] == [{"start": 0, "title": "Own", "url": None}]


@pytest.mark.parametrize("has_cover", [True, False])
async def test_a_file_from_before_is_looked_at_when_its_cover_is_asked_for(
    small: Api, small_server: Server, *, has_cover: bool
) -> None:
    file = await spooled(small, make_frames(20, seed=96 + has_cover), picture=JPEG if has_cover else None)
    small_server.database.execute("UPDATE files SET has_cover = NULL WHERE id = ?", file["id"])
    unknown = (await small.get(file["url"])).body
    assert unknown["cover_url"] == f"{file['url']}/cover"
    assert (await small.get(unknown["cover_url"])).status == (200 if has_cover else 404)
    assert (await small.get(file["url"])).body == file
    assert file["cover_url"] == (unknown["cover_url"] if has_cover else None)


async def test_rows_tell_of_covers_and_only_of_those_in_the_spool(small: Api, file: dict[str, Any]) -> None:
    rows = (await small.get("/api/v1/files", headers=small.admin)).body["files"]
    (row,) = [row for row in rows if row["id"] == file["id"]]
    assert row["cover_url"] == f"{file['url']}/cover"
    headers = small.admin | {"If-Match": f'"{file["spooled_sha256"]}"'}
    trashed = await small.request("DELETE", file["url"], headers=headers)
    assert trashed.body["cover_url"] is None
    restored = await small.request("POST", f"{file['url']}/restore", headers=small.admin)
    assert restored.body["cover_url"] == row["cover_url"]
