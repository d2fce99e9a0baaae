"""Change the tags of a file in the spool, with If-Match."""

from __future__ import annotations

import asyncio
import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from mutagen.id3 import ID3

from tests.media.raw_id3 import frame, tag
from tests.support.mp3 import make_frames

if TYPE_CHECKING:
    from tests.support.api import Api, Response
    from tests.support.server import Server

SERATO = frame("GEOB", b"\x00application/octet-stream\x00\x00Serato Markers2\x00" + bytes(range(200)))
UNKNOWN = frame("XYZW", b"whatever this is")
FRAMES = make_frames(60, seed=91)
ID3V1 = b"TAG" + b"Old".ljust(30, b"\0") + b"Kept".ljust(30, b"\0") + bytes(65)
SOUND = FRAMES + ID3V1


async def spooled(api: Api, name: str, data: bytes, **tags: str) -> dict[str, Any]:
    """Upload these bytes; return the finished file."""
    upload = await api.create(name, len(data), tags=tags)
    ended = await api.send_all(upload["id"], data)
    assert ended["state"] == "spooled", ended
    file: dict[str, Any] = (await api.get(ended["file"]["url"])).body
    return file


@pytest.fixture
async def file(small: Api) -> dict[str, Any]:
    """Return a file with tags and provenance of this service, and foreign frames."""
    old = tag(frame("TPE1", b"\x00Kept") + SERATO + UNKNOWN)
    return await spooled(small, "edit.mp3", old + SOUND, title="First", comment="Two\nlines", mood="calm")


async def edit(api: Api, file: dict[str, Any], tags: object, match: str | None = "", admin: bool = True) -> Response:
    """Send PATCH for the file. `match`: If-Match; empty for the file's ETag, None for no field."""
    headers = dict(api.admin) if admin else {}
    if match is not None:
        headers["If-Match"] = match or f'"{file["spooled_sha256"]}"'
    return await api.request("PATCH", file["url"], json={"tags": tags}, headers=headers)


async def test_tags_are_changed_removed_and_kept(small: Api, small_server: Server, file: dict[str, Any]) -> None:
    before = (await small.get(file["content_url"])).body
    shown = await small.get(file["url"])
    answer = await edit(small, file, {"title": "두 번째", "comment": None, "mood": "", "album": "New"})
    assert answer.status == 200, answer
    edited = answer.body
    assert (edited["title"], edited["comment"], edited["mood"], edited["album"]) == ("두 번째", None, None, "New")
    assert (edited["artist"], edited["audio_sha256"], edited["sha256"]) == (
        "Kept",
        file["audio_sha256"],
        file["sha256"],
    )
    assert edited == (await small.get(file["url"])).body
    assert answer.headers["ETag"] == f'"{edited["spooled_sha256"]}"' != shown.headers["ETag"]

    stored = small_server.store.read(file["stored_name"])
    assert stored == (await small.get(file["content_url"])).body
    assert (len(stored), hashlib.sha256(stored).hexdigest()) == (edited["size"], edited["spooled_sha256"])
    assert stored[:-128].endswith(FRAMES)
    assert stored[-125:-95] == "두 번째".encode("latin-1", "replace").ljust(30, b"\0")
    for theirs in (SERATO, UNKNOWN):
        assert theirs in stored
    old, new = ID3(io.BytesIO(before)), ID3(io.BytesIO(stored))
    assert str(new["TIT2"]) == "두 번째"
    assert not new.getall("COMM")
    assert not new.getall("TXXX:MOOD")
    provenance = [frame for frame in new.getall("TXXX") + new.getall("UFID") if "MOOD" not in frame.HashKey]
    assert provenance
    assert all(old[one.HashKey] == one for one in provenance)
    listed = (await small.get("/api/v1/files?q=%EB%91%90+%EB%B2%88", headers=small.admin)).body["files"]
    assert file["id"] in [one["id"] for one in listed]


async def test_every_tag_can_be_set_and_removed(small: Api, file: dict[str, Any]) -> None:
    tags = {"title": "T", "artist": "A", "album": "L", "date": "2026-11-23", "genre": "Talk", "comment": "C\nC"}
    tags |= {"album_artist": "AA", "track": "3/12", "disc": "1/2", "composer": "C", "isrc": "GBAYE0000351"}
    tags |= {"label": "L", "copyright": "C", "language": "kor", "bpm": "120", "key": "Ebm", "mood": "calm"}
    tags |= {"grouping": "G", "description": "D", "lyrics": "la\nla"}
    full = (await edit(small, file, tags)).body
    assert {key: full[key] for key in tags} == tags
    bare = (await edit(small, full, dict.fromkeys(tags))).body
    assert {key: bare[key] for key in tags} == dict.fromkeys(tags)
    left = ID3(io.BytesIO((await small.get(file["content_url"])).body), load_v1=False)
    assert {key[:4] for key in left} == {"TXXX", "UFID", "GEOB"}


@pytest.mark.parametrize(
    ("match", "status", "code"),
    [
        (None, 428, "match_required"),
        ('"0123"', 412, "file_changed"),
        ('W/"{0}"', 412, "file_changed"),
        ('"0123", "{0}"', 200, None),
        ("*", 200, None),
    ],
)
async def test_file_is_changed_only_if_the_etag_matches(
    small: Api, file: dict[str, Any], match: str | None, status: int, code: str | None
) -> None:
    answer = await edit(small, file, {"title": "X"}, match and match.format(file["spooled_sha256"]))
    assert answer.status == status, answer
    assert (await small.get(file["url"])).body["title"] == ("X" if status == 200 else "First")
    if code is not None:
        assert answer.code == code


async def test_second_of_two_edits_of_one_version_is_refused(small: Api, file: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(edit(small, file, {"title": name}) for name in ("One", "Two")))
    assert sorted(answer.status for answer in answers) == [200, 412]
    (done,) = (answer.body for answer in answers if answer.status == 200)
    assert (await small.get(file["url"])).body == done


@pytest.mark.parametrize(
    "body", [{"tags": {"nonsense": "x"}}, {"tags": {"date": "soon"}}, {"tags": {"title": 5}}, {"tags": None}, {}, []]
)
async def test_invalid_tag_is_refused(small: Api, file: dict[str, Any], body: object) -> None:
    headers = small.admin | {"If-Match": f'"{file["spooled_sha256"]}"'}
    answer = await small.request("PATCH", file["url"], json=body, headers=headers)
    assert (answer.status, answer.code) == (400, "malformed")
    assert (await small.get(file["url"])).body == file


async def test_only_the_admin_edits_existing_files(small: Api, small_server: Server, file: dict[str, Any]) -> None:
    assert (await edit(small, file, {"title": "X"}, admin=False)).status == 401
    assert (await edit(small, file | {"url": f"/api/v1/files/{'x' * 22}"}, {"title": "X"})).code == "unknown_file"
    small_server.store.remove(file["stored_name"])
    assert (await edit(small, file, {"title": "X"})).code == "file_taken"
    assert file["stored_name"] not in small_server.store.names()
    assert small_server.store.assembled() == []


@pytest.mark.once
async def test_running_download_gets_the_whole_old_file(small: Api, small_server: Server, file: dict[str, Any]) -> None:
    before = (await small.get(file["content_url"])).body
    with (small_server.spool / file["stored_name"]).open("rb") as reader:
        head = reader.read(1000)
        assert (await edit(small, file, {"title": "Another"})).status == 200
        assert head + reader.read() == before


async def test_resumed_download_never_mixes_two_versions(small: Api, file: dict[str, Any]) -> None:
    whole = await small.get(file["content_url"])
    resumed = {"Range": "bytes=500-", "If-Range": whole.headers["ETag"]}
    part = await small.get(file["content_url"], headers=resumed)
    assert (part.status, part.body, part.headers["ETag"]) == (206, whole.body[500:], whole.headers["ETag"])
    await edit(small, file, {"title": "Another title"})
    anew = await small.get(file["content_url"], headers=resumed)
    assert (anew.status, anew.body[:3]) == (200, b"ID3")
    assert anew.headers["ETag"] != whole.headers["ETag"]
    assert anew.body == (await small.get(file["content_url"])).body
