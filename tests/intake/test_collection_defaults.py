"""What files of a collection get by default when they are finished."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from mutagen.id3 import ID3

from media_service.core.access import Origin
from media_service.core.collections import Collection
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload_states import State
from media_service.intake.receiving.slice_request import SliceRequest
from tests.intake.rig import Rig
from tests.media.raw_id3 import frame, tag
from tests.support.mp3 import make_frames, make_mp3
from tests.support.pictures import JPEG, png

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from media_service.core.files import StoredFile

PERSON = "person:p"
NIGHT = Collection(
    id="c1",
    slug="night",
    title="Night",
    created_at=1,
    default_tags={"artist": "Night team", "album": "Night", "genre": "Talk", "comment": "one\ntwo"},
)
NOON = Collection(id="c2", slug="noon", title="Noon", created_at=1)
OWN_COVER = tag(frame("APIC", b"\0image/png\0\3\0" + png(1, 1), 3), 3)


async def finish(
    rig: Rig,
    data: bytes,
    name: str = "show.mp3",
    *,
    tags: Mapping[str, str] | None = None,
    collection: str | None = "c1",
    cover: bytes | None = None,
) -> tuple[StoredFile, ID3]:
    """Send and finish a file; return it with its tag in the spool."""
    request = UploadRequest(name, len(data), tags=tags, origin=Origin(PERSON, PERSON, None, collection))
    view, _ = await rig.intake.create(request, "native")
    if cover is not None:
        await rig.intake.edits.put_cover(view.upload.id, None, cover)

    async def blocks() -> AsyncIterator[bytes]:
        yield data

    await rig.intake.receive(view.upload.id, None, SliceRequest(0, len(data), None, "native"), blocks())
    loaded = await rig.database.load(view.upload.id)
    assert loaded is not None
    ended = await rig.finalizer.finish(*loaded)
    assert ended.state is State.SPOOLED
    file = await rig.database.file(ended.file_id or "")
    assert file is not None
    return file, ID3(io.BytesIO(rig.spool.path(file.spool_entry.name).read_bytes()))


def covers(written: ID3) -> list[bytes]:
    return [picture.data for picture in written.getall("APIC")]


async def test_only_what_neither_sender_nor_file_has_is_filled(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NIGHT)
        await rig.database.collections.save_cover("c1", JPEG)
        data = make_mp3(1, {"artist": "Kept"}, seed=81)
        file, written = await finish(rig, data, tags={"title": "밤", "genre": "Jazz"})
        assert dict(file.tags) == {
            "title": "밤",
            "genre": "Jazz",
            "artist": "Kept",
            "album": "Night",
            "comment": "one\ntwo",
        }
        texts = [str(written[name]) for name in ("TIT2", "TCON", "TPE1", "TALB", "COMM::XXX")]
        assert texts == ["밤", "Jazz", "Kept", "Night", "one\ntwo"]
        assert covers(written) == [JPEG]
        assert file.collection == "c1"
        listed, _ = await rig.database.list_files("jazz", "title", None, 9, owner="", collections=["c1"])
        assert listed == [file]


async def test_defaults_count_for_more_than_what_the_name_suggests(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NIGHT)
        file, _ = await finish(rig, make_frames(40), "Kim - Talk.mp3")
        assert (file.tags["artist"], file.tags["title"]) == ("Night team", "Talk")


@pytest.mark.parametrize(
    ("data", "sent", "expected"),
    [
        (make_frames(40), None, [JPEG]),
        (make_frames(40), png(2, 2), [png(2, 2)]),
        (OWN_COVER + make_frames(40), None, [png(1, 1)]),
        (OWN_COVER + make_frames(40), png(2, 2), [png(2, 2)]),
    ],
    ids=["nobody has one", "the sender has one", "the file has one", "both have one"],
)
async def test_the_cover_is_for_a_file_without_one(
    tmp_path: Path, data: bytes, sent: bytes | None, expected: list[bytes]
) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NOON)
        await rig.database.collections.save_cover("c2", JPEG)
        _, written = await finish(rig, data, collection="c2", cover=sent)
        assert covers(written) == expected


async def test_a_change_of_the_defaults_changes_no_finished_file(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NIGHT)
        first, before = await finish(rig, make_frames(40), "first.mp3")
        await rig.database.collections.save(replace(NIGHT, default_tags={"album": "Other"}))
        second, _ = await finish(rig, make_frames(41), "second.mp3")
        again = await rig.database.file(first.id)
        assert again == first
        assert str(before["TALB"]) == first.tags["album"] == "Night"
        assert (second.tags.get("artist"), second.tags["album"]) == (None, "Other")


async def test_files_without_collection_or_defaults_get_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NIGHT)
        await rig.database.collections.add(NOON)
        for number, collection in enumerate((None, "c2", "unknown")):
            file, written = await finish(rig, make_frames(40 + number), f"{number}.mp3", collection=collection)
            assert (dict(file.tags), covers(written)) == ({}, [])


async def test_what_a_late_edit_does_not_name_keeps_the_defaults(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NIGHT)
        await rig.database.collections.save_cover("c1", JPEG)
        file, _ = await finish(rig, make_frames(40), tags={"title": "T"})
        await rig.intake.edits.amend(file.upload_id, None, tags={"artist": "Kim"})
        await rig.intake.edits.put_cover(file.upload_id, None, None)
        edited = await rig.database.file(file.id)
        assert edited is not None
        assert dict(edited.tags) == {**NIGHT.default_tags, "artist": "Kim"}
        written = ID3(io.BytesIO(rig.spool.path(edited.spool_entry.name).read_bytes()))
        assert covers(written) == [JPEG]


@pytest.mark.parametrize("duplicates", ["keep", "link"])
async def test_the_same_audio_in_another_collection_is_another_file(
    tmp_path: Path, duplicates: Literal["keep", "link"]
) -> None:
    async with Rig(tmp_path, duplicates=duplicates) as rig:
        await rig.database.collections.add(NIGHT)
        await rig.database.collections.add(NOON)
        data = make_frames(40)
        first, _ = await finish(rig, data, collection="c1")
        second, _ = await finish(rig, data, collection="c2")
        third, _ = await finish(rig, data, collection="c2")
        assert first.id != second.id
        assert second.collection == "c2"
        assert (third.id == second.id) == (duplicates == "link")


async def test_the_same_bytes_are_there_already_only_in_their_collection(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.database.collections.add(NIGHT)
        file, _ = await finish(rig, make_frames(40))
        known = file.facts.content_hash, file.facts.size
        assert await rig.intake.duplicate_of_bytes(PERSON, *known, "c1") is not None
        assert await rig.intake.duplicate_of_bytes(PERSON, *known, "c2") is None
        assert await rig.intake.duplicate_of_bytes(PERSON, *known, None) is None
