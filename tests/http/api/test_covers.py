"""Covers and chapters of uploads: accepted, refused and served."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.mp3 import make_frames, make_mp3
from tests.support.pictures import HTML, JPEG, MOVING_WEBP, SCRIPT_GIF, SVG, WEBP, gif, padded_jpeg, png
from tests.support.raw import head, multipart, part, send

if TYPE_CHECKING:
    from tests.support.api import Api, Response
    from tests.support.server import Server

MIB = 1024 * 1024
PICTURES = {"image/jpeg": JPEG, "image/png": png(), "image/webp": WEBP, "image/gif": gif()}
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 415, "cover_not_image"),
    "svg": (SVG, 415, "cover_not_image"),
    "html": (HTML, 415, "cover_not_image"),
    "a link": (b"https://example.com/cover.jpg", 415, "cover_not_image"),
    "an mp3": (make_frames(9), 415, "cover_not_image"),
    "a gif that is a script": (SCRIPT_GIF, 422, "cover_invalid"),
    "half a jpeg": (JPEG[: len(JPEG) // 2], 422, "cover_invalid"),
    "half a png": (png()[:-20], 422, "cover_invalid"),
    "half a gif": (gif()[:-1], 422, "cover_invalid"),
    "half a webp": (WEBP[:-1], 422, "cover_invalid"),
    "a moving webp": (MOVING_WEBP, 422, "cover_invalid"),
    "a moving gif": (gif(frames=2), 422, "cover_invalid"),
    "a moving png": (png(moves=True), 422, "cover_invalid"),
    "a png without pixels": (png(0, 9), 422, "cover_invalid"),
    "5000 pixels wide": (png(5000, 2), 422, "cover_too_wide"),
    "5000 pixels high": (gif(2, 5000), 422, "cover_too_wide"),
    "3 MiB": (padded_jpeg(3 * MIB), 413, "cover_too_large"),
    "one byte too many": (padded_jpeg(2 * MIB + 1), 413, "cover_too_large"),
}


async def put(api: Api, upload_id: str, picture: object, media_type: str = "image/jpeg", **more: Any) -> Response:
    """Put the cover of an upload."""
    headers = {"Content-Type": media_type}
    if isinstance(picture, bytes):
        picture = io.BytesIO(picture)
    return await api.request("PUT", f"/api/v1/uploads/{upload_id}/cover", data=picture, headers=headers, **more)


@pytest.mark.parametrize("media_type", PICTURES)
async def test_cover_is_stored_and_served_with_the_type_of_its_bytes(api: Api, media_type: str) -> None:
    upload = await api.create()
    assert upload["cover"] is None
    answer = await put(api, upload["id"], PICTURES[media_type], "text/html")
    size = 16 if media_type in ("image/jpeg", "image/webp") else 8
    cover = {
        "media_type": media_type,
        "size": len(PICTURES[media_type]),
        "width": size,
        "height": 12 if size == 16 else 8,
    }
    assert (answer.status, answer.body["cover"]) == (200, cover)
    assert (await api.show(upload["id"]))["cover"] == cover
    shown = await api.get(f"/api/v1/uploads/{upload['id']}/cover")
    assert (shown.status, shown.body) == (200, PICTURES[media_type])
    assert shown.headers["Content-Type"] == media_type
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert shown.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("kind", REFUSED)
async def test_invalid_cover_is_refused_and_the_old_one_is_kept(api: Api, kind: str) -> None:
    picture, status, code = REFUSED[kind]
    upload = await api.create()
    await put(api, upload["id"], WEBP)
    answer = await put(api, upload["id"], picture)
    assert (answer.status, answer.code) == (status, code)
    assert answer.body.get("limit") in (None, 4096, 2 * MIB)
    assert (await api.get(f"/api/v1/uploads/{upload['id']}/cover")).body == WEBP


async def test_cover_of_the_maximum_size_is_accepted(api: Api) -> None:
    upload = await api.create()
    assert (await put(api, upload["id"], padded_jpeg(2 * MIB))).status == 200
    assert (await put(api, upload["id"], png(4096, 4096))).status == 200


async def test_gif_with_html_is_served_only_as_an_image(api: Api) -> None:
    picture = gif(comment=b"<script>alert(1)</script>")
    upload = await api.create()
    assert (await put(api, upload["id"], picture, "text/html")).status == 200
    shown = await api.get(f"/api/v1/uploads/{upload['id']}/cover")
    assert (shown.headers["Content-Type"], shown.headers["X-Content-Type-Options"]) == ("image/gif", "nosniff")


async def test_a_body_without_a_length_is_read_within_the_limit(small: Api, small_server: Server) -> None:
    upload = await small.create()

    async def blocks(picture: bytes) -> Any:
        for at in range(0, len(picture), 100_000):
            yield picture[at : at + 100_000]

    assert (await put(small, upload["id"], blocks(padded_jpeg(2 * MIB)))).status == 200
    path = f"/api/v1/uploads/{upload['id']}/cover"
    endless = head("PUT", path, "Transfer-Encoding: chunked")
    answer = await send(small_server.port, [endless, *([b"10000\r\n" + bytes(65536) + b"\r\n"] * 33)])
    assert (answer.status, answer.problem["code"]) == (413, "cover_too_large")
    assert (await small.show(upload["id"]))["cover"]["size"] == 2 * MIB


async def test_a_large_cover_is_refused_before_its_bytes(small: Api, small_server: Server) -> None:
    path = f"/api/v1/uploads/{(await small.create())['id']}/cover"
    answer = await send(small_server.port, [head("PUT", path, "Expect: 100-continue", length=3 * MIB)])
    assert (answer.status, answer.problem["code"]) == (413, "cover_too_large")


async def test_truncated_or_stalled_cover_is_not_stored(small: Api, small_server: Server) -> None:
    upload = await small.create()
    path = f"/api/v1/uploads/{upload['id']}/cover"
    begun = head("PUT", path, length=len(JPEG)) + JPEG[:100]
    still = await send(small_server.port, [begun])
    assert (still.status, still.problem["code"]) == (408, "idle_timeout")
    await send(small_server.port, [begun], hang_up=True)
    assert (await small.show(upload["id"]))["cover"] is None


async def test_cover_with_content_encoding_is_refused(api: Api) -> None:
    upload = await api.create()
    path = f"/api/v1/uploads/{upload['id']}/cover"
    answer = await api.request("PUT", path, data=JPEG, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


async def test_deleting_a_cover_is_idempotent(api: Api) -> None:
    upload = await api.create()
    path = f"/api/v1/uploads/{upload['id']}/cover"
    assert (await api.get(path)).code == "unknown_cover"
    await put(api, upload["id"], JPEG)
    for _ in range(2):
        assert (await api.request("DELETE", path)).status == 204
    assert (await api.show(upload["id"]))["cover"] is None
    assert (await api.get(path)).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_cover_of_an_ended_upload_cannot_be_changed(small: Api, method: str) -> None:
    """The small server has `late_edits` 0."""
    data = make_mp3(1, seed=71)
    done = await small.create("done.mp3", len(data))
    await small.send_all(done["id"], data)
    gone = await small.create()
    await small.request("DELETE", f"/api/v1/uploads/{gone['id']}")
    for upload_id, status, code in (
        (done["id"], 409, "wrong_state"),
        (gone["id"], 410, "upload_gone"),
        ("x" * 22, 404, "unknown_upload"),
    ):
        answer = await small.request(method, f"/api/v1/uploads/{upload_id}/cover", data=JPEG)
        assert (answer.status, answer.code) == (status, code)


async def test_cover_limits_are_listed(api: Api) -> None:
    limits = (await api.get("/api/v1/limits")).body
    assert (limits["cover"], limits["cover_pixels"]) == (2 * MIB, 4096)


async def post_form(api: Api, picture: bytes | None, filename: str = "cover.png", **more: str) -> Response:
    """Post a plain form with a cover before its file."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("title", "With a cover")
    if picture is not None:
        form.add_field("cover", io.BytesIO(picture), filename=filename, content_type="application/octet-stream")
    form.add_field("mp3", make_mp3(1, seed=72), filename="form.mp3", content_type="audio/mpeg")
    return await api.request("POST", "/upload", data=form, headers={"Accept": "application/json", **more})


async def test_form_may_include_a_cover(api: Api) -> None:
    answer = await post_form(api, png(30, 20))
    assert (answer.status, answer.body["cover"]["width"]) == (201, 30)
    largest = await post_form(api, padded_jpeg(2 * MIB))
    assert (largest.status, largest.body["cover"]["size"]) == (201, 2 * MIB)


async def test_form_with_an_empty_cover_part_has_no_cover(api: Api) -> None:
    answer = await post_form(api, b"", "")
    assert (answer.status, answer.body["cover"]) == (201, None)


@pytest.mark.parametrize("kind", sorted(REFUSED.keys() - {"nothing"}))
async def test_form_with_an_invalid_cover_is_refused_and_stores_nothing(
    api: Api, shared_server: Server, kind: str
) -> None:
    picture, status, code = REFUSED[kind]
    async with asyncio.timeout(30):
        # What earlier tests have sent may still be on its way into the spool.
        while await api.listed("state=received,verified&limit=1"):
            await asyncio.sleep(0.02)
    before = shared_server.store.unfinished(), shared_server.store.names()
    answer = await post_form(api, picture)
    assert (answer.status, answer.code) == (status, code)
    assert (shared_server.store.unfinished(), shared_server.store.names()) == before


@pytest.mark.parametrize(
    "parts",
    [
        [part("cover", JPEG, "a.jpg"), part("cover", JPEG, "b.jpg"), part("mp3", make_mp3(1), "a.mp3")],
        [part("cover", "", ""), part("cover", JPEG, "b.jpg"), part("mp3", make_mp3(1), "a.mp3")],
        [part("cover", JPEG, "a.jpg"), part("mp3", make_mp3(1), "a.mp3"), part("cover", JPEG, "a.jpg")],
        [part("mp3", make_mp3(1), "a.mp3"), part("cover", JPEG, "a.jpg"), part("cover", JPEG, "a.jpg")],
        [part("cover", JPEG, "a.jpg")],
    ],
    ids=["two covers", "none and one", "before and after the file", "two after the file", "without a file"],
)
async def test_form_with_a_misplaced_cover_is_malformed(shared_server: Server, parts: list[bytes]) -> None:
    body = multipart(*parts)
    answer = await send(shared_server.port, [head("POST", "/upload", length=len(body)), body])
    assert (answer.status, answer.problem["code"]) == (400, "malformed")


CHAPTERS = [
    {"start": 0, "title": "Intro", "url": None},
    {"start": 1.5, "title": "인터뷰", "url": "https://example.com/notes"},
]


async def test_chapters_are_set_at_creation_and_changed_while_receiving(api: Api) -> None:
    upload = await api.create(chapters=[{"start": 0, "title": " Intro\u202e "}, CHAPTERS[1]])
    assert upload["chapters"] == CHAPTERS
    path = f"/api/v1/uploads/{upload['id']}"
    for changes, kept in (({"tags": {}}, CHAPTERS), ({"chapters": CHAPTERS[1:]}, CHAPTERS[1:]), ({"chapters": []}, [])):
        assert (await api.request("PATCH", path, json=changes)).body["chapters"] == kept
        assert (await api.show(upload["id"]))["chapters"] == kept


@pytest.mark.parametrize(
    ("chapters", "field"),
    [
        ([{"start": -1, "title": "a"}], "chapters.0.start"),
        ([{"start": "1", "title": "a"}], "chapters.0.start"),
        ([{"start": 1}], "chapters.0.title"),
        ([{"start": 1, "title": "a", "end": 2}], "chapters.0.end"),
        ([{"start": 1, "title": "a"}, {"start": 1, "title": "b"}], "chapters.1.start"),
        ([{"start": 1, "title": "a", "url": "javascript:alert(1)"}], "chapters.0.url"),
        ([{"start": n, "title": "a"} for n in range(256)], "chapters"),
        ("all of them", "chapters"),
    ],
)
async def test_invalid_chapter_is_refused(api: Api, chapters: object, field: str) -> None:
    new_upload = {"filename": "a.mp3", "length": 9, "chapters": chapters}
    created = await api.request("POST", "/api/v1/uploads", json=new_upload)
    upload = await api.create()
    amended = await api.request("PATCH", f"/api/v1/uploads/{upload['id']}", json={"chapters": chapters})
    for answer in (created, amended):
        assert (answer.status, answer.code, answer.body["field"]) == (400, "malformed", field)


async def test_nan_as_chapter_start_is_refused(api: Api) -> None:
    body = b'{"filename": "a.mp3", "chapters": [{"start": NaN, "title": "a"}]}'
    headers = {"Content-Type": "application/json"}
    answer = await api.request("POST", "/api/v1/uploads", data=body, headers=headers)
    assert (answer.status, answer.code) == (400, "malformed")


async def test_concurrent_covers_leave_one(api: Api) -> None:
    upload = await api.create()
    pictures = [png(width, 5) for width in range(1, 9)]
    answers = await asyncio.gather(*(put(api, upload["id"], picture) for picture in pictures))
    assert {answer.status for answer in answers} == {200}
    kept = (await api.get(f"/api/v1/uploads/{upload['id']}/cover")).body
    assert pictures[(await api.show(upload["id"]))["cover"]["width"] - 1] == kept
