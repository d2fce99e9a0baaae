"""Check what players read in retagged files, for every kind of existing tag, version and mode."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from dataclasses import replace
from itertools import cycle, product
from typing import TYPE_CHECKING, Literal

import pytest
from mutagen.id3 import ID3

from media_service.core.files import CoverAndChapters, Source
from media_service.core.upload_states import State
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.storage.spool import DiskSpool
from tests.conftest import missing
from tests.core.samples import make_upload
from tests.media.players import (
    complaints,
    probed,
    probed_without_junk,
    seen_by_eyed3,
    seen_by_mediainfo,
    set_aside,
    spooled,
)
from tests.media.raw_id3 import frame, frames_of, tag
from tests.media.tag_kinds import APPENDED, ASKED, AUDIO, KINDS, LYRICS, PICTURE, V1, foreign, old
from tests.support.stream import ape_tag, lyrics_tag

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("players")]
VERSIONS = (None, 3, 4)
CASES = [*product(KINDS, VERSIONS)] if os.environ.get("PRODUCTS") == "all" else [*zip(KINDS, cycle(VERSIONS))]
"""Kinds of tags, each with one version to write, in turn; with all of them if `PRODUCTS` is `all`."""

SHOWN_AS = {"label": "publisher", "isrc": "TSRC", "bpm": "TBPM", "key": "TKEY", "grouping": "grouping"}
"""Names that ffprobe has for our tags, if they differ."""


@pytest.mark.parametrize(("kind", "version"), CASES)
async def test_players_decode_to_the_end_and_show_the_requested_tags(
    worker: TagWorker, tmp_path: Path, kind: str, version: int | None
) -> None:
    before, behind = KINDS[kind]
    _, target, carried = await spooled(worker, tmp_path, before + AUDIO + behind, TagOptions("full", version))
    assert await complaints(target) == set()
    shown = probed(target)
    assert carried == ASKED
    for key, text in ASKED.items():
        named = {name.lower(): value for name, value in shown.items()}
        name = SHOWN_AS.get(key, key).lower()
        if key == "date":
            assert named["date"].startswith("2024")
        elif key == "lyrics":
            assert named["lyrics-xxx"] == text
        elif key not in ("description", "mood"):
            assert named[name] == text, (key, shown)
    assert seen_by_mediainfo(target) == {key: ASKED[key] for key in ("title", "artist", "album", "genre")}
    seen = seen_by_eyed3(target)
    assert seen | {"date": None} == {key: None if key == "date" else ASKED[key] for key in seen}
    assert str(seen["date"]).startswith("2024")
    assert {"UPLOAD_SHA256", "AUDIO_SHA256", "VERIFIED"} <= shown.keys()


@pytest.mark.parametrize("kind", KINDS)
async def test_provenance_hides_no_existing_tag(worker: TagWorker, tmp_path: Path, kind: str) -> None:
    before, behind = KINDS[kind]
    source, target, _ = await spooled(worker, tmp_path, before + AUDIO + behind, TagOptions("provenance"))
    was, now = probed(source) if kind != "v2.3 and junk" else probed_without_junk(source), probed(target)
    kept = {"title", "artist", "album", "genre", "comment", "track"} & was.keys()
    if kind != "malformed":
        assert {key: now.get(key) for key in kept} == {key: was[key] for key in kept}
    assert {"UPLOAD_SHA256", "AUDIO_SHA256", "VERIFIED"} <= now.keys()


ENCODERS = {
    "lame, constant": ["lame", "--silent", "-r", "-s", "44.1", "-b", "128", "-", "{}"],
    "lame, variable": ["lame", "--silent", "-r", "-s", "44.1", "-V", "4", "--tt", "Title", "-", "{}"],
    "lame, average, mono": ["lame", "--silent", "-r", "-s", "22.05", "-m", "m", "--abr", "48", "-", "{}"],
    "lame, with checksums": ["lame", "--silent", "-r", "-s", "48", "-b", "160", "-p", "-", "{}"],
    "ffmpeg": ["ffmpeg", "-v", "error", "-f", "s16le", "-ar", "44100", "-ac", "2", "-i", "-", "-q:a", "4", "{}"],
}


@pytest.mark.parametrize("encoder", ENCODERS)
async def test_encoded_audio_decodes_to_its_end(worker: TagWorker, tmp_path: Path, encoder: str) -> None:
    if shutil.which("lame") is None:
        missing("lame")
    out, sound = tmp_path / "sound.mp3", random.Random(5).randbytes(400_000)
    command = [part.replace("{}", str(out)) for part in ENCODERS[encoder]]
    await asyncio.to_thread(subprocess.run, command, input=sound, check=True, capture_output=True)
    _, target, carried = await spooled(worker, tmp_path, out.read_bytes(), TagOptions())
    assert await complaints(target) == set()
    assert ASKED.items() <= carried.items()


@pytest.mark.parametrize("kind", KINDS)
async def test_no_byte_changes_without_tagging(worker: TagWorker, tmp_path: Path, kind: str) -> None:
    before, behind = KINDS[kind]
    source, target, _ = await spooled(worker, tmp_path, before + AUDIO + behind, TagOptions("none"))
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("mode", ["full", "provenance"])
@pytest.mark.parametrize("written", [None, 3, 4])
@pytest.mark.parametrize("found", [3, 4])
async def test_foreign_frames_stay_byte_for_byte(
    worker: TagWorker, tmp_path: Path, found: int, written: int | None, mode: Literal["full", "provenance"]
) -> None:
    _, target, _ = await spooled(worker, tmp_path, old(found) + AUDIO, TagOptions(mode, written))
    whole = target.read_bytes()
    size = 10 + sum(byte << shift for byte, shift in zip(whole[6:10], (21, 14, 7, 0), strict=True))
    kept = frames_of(whole[:size])
    for theirs in foreign(found):
        name = theirs[:4].decode()
        if (written or found) == found:
            assert (name, theirs) in kept
        else:
            assert (name, theirs[10:]) in [(each, raw[10:]) for each, raw in kept]
    read = ID3(target)
    assert [chapter.sub_frames["TIT2"].text for chapter in read.getall("CHAP")] == [["one"], ["two"]]
    assert seen_by_eyed3(target)["title"] == (ASKED["title"] if mode == "full" else "Old title")


async def test_junk_is_dropped_and_the_tags_around_it_stay(worker: TagWorker, tmp_path: Path) -> None:
    behind = ape_tag() + b"x" * 300 + lyrics_tag() + V1
    _, target, _ = await spooled(worker, tmp_path, b"junk" * 50 + AUDIO + behind, TagOptions())
    whole = target.read_bytes()
    assert whole[whole.index(AUDIO) + len(AUDIO) : -128] == b""
    assert whole[-128:].startswith(b"TAG")
    assert set_aside(target) == [lyrics_tag(), ape_tag()]
    assert b"junk" not in whole
    assert b"xxx" not in whole


@pytest.mark.parametrize("mode", ["full", "provenance"])
async def test_values_of_trailing_tags_move_to_the_front(
    worker: TagWorker, tmp_path: Path, mode: Literal["full", "provenance"]
) -> None:
    behind = APPENDED + LYRICS + V1
    _, target, _ = await spooled(
        worker, tmp_path, tag(frame("TPE1", b"\0Kim", 4), 4) + AUDIO + behind, TagOptions(mode)
    )
    whole, read = target.read_bytes(), ID3(target)
    assert whole[whole.index(AUDIO) + len(AUDIO) :][:-128] == b""
    assert all(theirs in whole for theirs in foreign(4))
    assert set_aside(target) == [LYRICS]
    if mode == "provenance":
        assert (str(read["TIT2"]), str(read["TPE1"])) == ("Old title", "Kim")
        assert [str(lyrics) for lyrics in read.getall("USLT")] == ["[00:01]one\n[00:02]two"]


async def test_ape_values_fill_missing_tags(worker: TagWorker, tmp_path: Path) -> None:
    ape = ape_tag(PICTURE)[32:]
    for before, title in ((b"", "Title"), (tag(frame("TIT2", b"\0Old title")), "Old title")):
        _, target, _ = await spooled(worker, tmp_path, before + AUDIO + ape, TagOptions("provenance"))
        read = ID3(target)
        assert str(read["TIT2"]) == title
        assert [(cover.mime, cover.data) for cover in read.getall("APIC")] == [("image/png", PICTURE)]
        assert set_aside(target) == [ape]
        assert target.read_bytes().endswith(AUDIO)


async def test_editing_finds_trailing_tags_by_their_footers(worker: TagWorker, tmp_path: Path) -> None:
    _, target, _ = await spooled(worker, tmp_path, AUDIO + lyrics_tag() + V1, TagOptions("none"))
    inspector, spool = MediaInspector(worker, MediaOptions()), DiskSpool(tmp_path / "spool")
    plan, _ = await inspector.plan_edit(target, {"title": "New"}, [], CoverAndChapters())
    await spool.assemble("b", Source(target), plan, plan.length)
    edited = tmp_path / "spool" / ".incoming" / "b"
    inspector.close()
    assert await complaints(edited) == set()
    assert set_aside(edited) == [lyrics_tag()]
    assert edited.read_bytes()[-128:].startswith(b"TAGNew")


async def test_unreadable_tag_is_kept_whole(worker: TagWorker, tmp_path: Path) -> None:
    for kind in ("malformed", "unknown version"):
        before, _ = KINDS[kind]
        _, target, _ = await spooled(worker, tmp_path, before + AUDIO, TagOptions())
        assert [each.data for each in ID3(target).getall("PRIV:urn:media-service:tag")] == [before]


async def test_file_name_fills_only_missing_tags(worker: TagWorker, tmp_path: Path) -> None:
    name = "03 Kim - Night.mp3"
    inspector = MediaInspector(worker, MediaOptions())
    for before, behind, expected in (
        (b"", b"", {"artist": "Kim", "title": "Night"}),
        (tag(frame("TIT2", b"\0Old title")), b"", {"artist": "Kim", "title": "Old title"}),
        (tag(frame("TIT2", b"\0")), b"", {"artist": "Kim", "title": "Night"}),
        (b"", V1, {"artist": "Old artist", "title": "Old title"}),
    ):
        path = tmp_path / "a.mp3"
        path.write_bytes(before + AUDIO + behind)
        upload = make_upload(state=State.RECEIVED, length=path.stat().st_size, filename=name, tags={})
        upload = replace(upload, facts=await inspector.verify(path, upload, []))
        plan, carried = await inspector.plan_tags(path, upload, None)
        assert expected.items() <= carried.tags.items()
        path.write_bytes(plan.head + AUDIO + behind)
        assert expected.items() <= probed(path).items()
    inspector.close()
