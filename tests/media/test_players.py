"""Check what players read in retagged files, for every kind of existing tag, version and mode."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import eyed3  # type: ignore[import-untyped]  # it ships no types
import pytest
from mutagen.id3 import ID3

from media_service.core.files import CoverAndChapters
from media_service.core.findings import Outcome, outcome
from media_service.core.upload_states import State
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.storage.spool import DiskSpool
from tests.conftest import missing
from tests.core.samples import make_upload
from tests.media.raw_id3 import frame, frame22, frames_of, syncsafe, tag
from tests.media.sample_images import png
from tests.media.sample_tags import MORE
from tests.support.stream import Stream, ape_tag, lyrics_tag

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("players")]

STREAM = Stream(kbits=128, seed=21)
AUDIO = STREAM.with_header(STREAM.frames(60))
ASKED = {
    "title": "일요일 밤",
    "artist": "AC/DC",
    "album": "Straße",
    "date": "2024-05-06",
    "genre": "Podcast",
    "comment": "첫째 둘째",
    **MORE,
    "lyrics": "첫째 둘째",
}
SHOWN_AS = {"label": "publisher", "isrc": "TSRC", "bpm": "TBPM", "key": "TKEY", "grouping": "grouping"}
"""Names that ffprobe has for our tags, if they differ."""


def chapter(name: str, start: int, stop: int, version: int) -> bytes:
    times = start.to_bytes(4) + stop.to_bytes(4) + b"\xff" * 8
    return frame("CHAP", name.encode() + b"\0" + times + frame("TIT2", b"\0" + name.encode(), version), version)


def foreign(version: int) -> list[bytes]:
    """Return frames that DJs, podcasters and archives have in their files."""
    return [
        frame("GEOB", b"\0application/octet-stream\0\0Serato Markers2\0" + b"\1\1AQF\xff\xe0\xff\0" * 30, version),
        frame("PRIV", b"TRAKTOR4\0" + bytes(range(256)), version),
        frame("CTOC", b"toc\0\3\2one\0two\0", version),
        chapter("one", 0, 700, version),
        chapter("two", 700, 1500, version),
        frame("POPM", b"kim@example.com\0\xff\0\0\0\x07", version),
        frame("UFID", b"http://musicbrainz.org\0abc-def", version),
        frame("RVA2", b"x\0\1\0\0\0", version),
        frame("TSOP", b"\0Kim, Lee", version),
        frame("MCDI", bytes(40) + b"\xff\xff", version),
        frame("XYZ9", b"nobody knows me", version),
    ]


def old(version: int) -> bytes:
    """Return a tag with other values for most of the requested tags, and foreign frames."""
    texts = {"TIT2": b"Old title", "TPE1": b"Old artist", "TALB": b"Old album", "TCON": b"Rock", "TRCK": b"9"}
    written = [frame(name, b"\0" + text, version) for name, text in texts.items()]
    written.append(frame("COMM", b"\0eng\0old comment", version))
    written.append(frame("TYER", b"\x001999", 3) if version == 3 else frame("TDRC", b"\x001999", 4))
    return tag(b"".join(written + foreign(version)), version, padding=50)


OLD22 = tag(frame22("TT2", b"\0Old title") + frame22("TP1", b"\0Old artist") + frame22("XYZ", b"nobody knows me"), 2)
SECOND = tag(frame("TIT2", b"\0Second title", 4) + frame("TALB", b"\0Second", 4) + frame("PRIV", b"second\0x", 4), 4)
V1 = b"TAG" + b"Old title".ljust(30, b"\0") + b"Old artist".ljust(30, b"\0") + b"Old album".ljust(30, b"\0") + b"1999"
V1 += b"old comment".ljust(28, b"\0") + b"\0\x09\x11"
FOOTED = tag(frame("TIT2", b"\0Old title", 4), 4, 0x10)
LYRICS = b"LYRICSBEGIN[00:01]one\r\n[00:02]two\r\nLYRICSEND"
APPENDED = tag(b"".join([frame("TIT2", b"\0Old title", 4), *foreign(4)]), 4)
PICTURE = png(200, 120)

KINDS: dict[str, tuple[bytes, bytes]] = {
    "none": (b"", b""),
    "v2.2": (OLD22, b""),
    "v2.3": (old(3), b""),
    "v2.4": (old(4), b""),
    "v2.4 with footer": (FOOTED + b"3DI" + FOOTED[3:10], b""),
    "v1": (b"", V1),
    "ape": (b"", ape_tag()),
    "ape in front": (ape_tag(), b""),
    "v2.3, ape, v1": (old(3), ape_tag() + V1),
    "v2.3 and v2.4": (old(3) + SECOND, b""),
    "v2.4 twice": (old(4) + SECOND, b""),
    "v2.3 and junk": (old(3) + b"junk" * 50, b""),
    "junk behind": (old(3), bytes(1000)),
    "junk before v1": (b"", b"x" * 300 + V1),
    "junk behind v1": (b"", V1 + b"x" * 300),
    "a piece of a frame behind": (b"", AUDIO[-200:]),
    "lyrics": (b"", lyrics_tag() + V1),
    "lyrics of the first version": (b"", LYRICS + V1),
    "lyrics and ape": (old(4), lyrics_tag() + ape_tag()),
    "ape and lyrics": (b"", ape_tag() + lyrics_tag() + V1),
    "v1+": (b"", b"TAG+" + bytes(223) + V1),
    "ape without header": (b"", ape_tag()[32:]),
    "ape with a picture": (old(3), ape_tag(PICTURE) + V1),
    "v2.4 behind": (b"", APPENDED),
    "v2.4 behind v2.3": (old(3), APPENDED),
    "v2.4 with footer behind": (b"", FOOTED + b"3DI" + FOOTED[3:10]),
    "everything behind": (old(3), APPENDED + ape_tag(PICTURE)[32:] + lyrics_tag() + V1),
    "malformed": (tag(frame("TIT2", b"\0Old title") + b"\1 garbage that is no frame"), b""),
    "unknown version": (b"ID3\5\0\0" + syncsafe(100) + bytes(100), b""),
}


async def spooled(
    worker: TagWorker, folder: Path, content: bytes, tagging: TagOptions, name: str = "show.mp3"
) -> tuple[Path, Path, dict[str, Any]]:
    """Return the received file, the file in the spool, and the resulting tags."""
    source, spool = folder / "received.mp3", DiskSpool(folder / "spool")
    source.write_bytes(content)
    await spool.prepare()
    inspector = MediaInspector(worker, MediaOptions(tagging=tagging))
    upload = make_upload(state=State.RECEIVED, length=len(content), filename=name, tags=ASKED)
    facts = await inspector.verify(source, upload, [])
    assert outcome(facts.findings) is not Outcome.REJECT
    plan, carried = await inspector.plan_tags(source, replace(upload, facts=facts), None)
    await spool.assemble("a", source, plan, plan.length or len(content))
    target = (folder / "spool" / ".incoming" / "a").rename(folder / "spooled.mp3")
    again = await inspector.verify(target, make_upload(state=State.RECEIVED, length=target.stat().st_size), [])
    assert facts.audio is not None
    assert again.audio_sha256 == facts.audio_sha256
    assert content[facts.audio["start"] : facts.audio["end"]] in target.read_bytes()
    inspector.close()
    return source, target, dict(carried.tags)


async def complaints(path: Path) -> set[str]:
    """Return the messages of ffmpeg and mpg123 about a file that they decode to its end."""
    ffmpeg = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"]
    said = set()
    for command in (ffmpeg, ["mpg123", "-q", "-t", str(path)]):
        ended = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True)
        said |= {re.sub(r"0x[0-9a-f]+|\d+", "", line) for line in ended.stderr.splitlines()}
        if ended.returncode:
            said.add(f"{command[0]} ended with {ended.returncode}")
    return said


def probed(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags", str(path)]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    tags: dict[str, str] = json.loads(shown)["format"].get("tags", {})
    return tags


def seen_by_mediainfo(path: Path) -> dict[str, str]:
    """Return what MediaInfo shows, which prefers an APE tag, as MPD does."""
    command = ["mediainfo", "--Output=JSON", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["media"]["track"][0]
    names = {"title": "Title", "artist": "Performer", "album": "Album", "genre": "Genre"}
    return {key: found[name] for key, name in names.items() if name in found}


def seen_by_eyed3(path: Path) -> dict[str, str | None]:
    loaded = eyed3.load(path)
    assert loaded is not None
    found = loaded.tag
    comments = [comment.text for comment in found.comments if not comment.description]
    return {
        "title": found.title,
        "artist": found.artist,
        "album": found.album,
        "album_artist": found.album_artist,
        "genre": found.genre.name if found.genre else None,
        "comment": comments[0] if comments else None,
        "composer": found.composer,
        "label": found.publisher,
        "track": "{}/{}".format(*found.track_num),
        "disc": "{}/{}".format(*found.disc_num),
        "bpm": str(found.bpm),
        "date": str(found.getBestDate()),
        "lyrics": next((lyric.text for lyric in found.lyrics), None),
        "copyright": found.copyright,
    }


@pytest.mark.parametrize("version", [None, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
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


def probed_without_junk(path: Path) -> dict[str, str]:
    """ffprobe takes this junk for another format."""
    path.write_bytes(path.read_bytes().replace(b"junk" * 50, b""))
    return probed(path)


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


def set_aside(path: Path) -> list[bytes]:
    return [each.data for each in ID3(path).getall("PRIV:urn:media-service:tag")]


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
    plan = await inspector.plan_edit(target, {"title": "New"}, [], CoverAndChapters())
    await spool.assemble("b", target, plan, plan.length)
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
