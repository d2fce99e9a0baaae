"""Measures of MP3s, and tags that lose nothing."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen.id3 import ID3

from media_service.core.errors import NotMp3
from media_service.core.text import LISTED_TAGS as TAGS
from media_service.core.text import MORE_TAGS, clean_tags
from media_service.media import id3
from tests.conftest import missing
from tests.media.asked import MORE
from tests.media.raw_tags import frame, frame22, frames_of, syncsafe, tag, unsynchronised
from tests.support.mp3 import make_frames, make_mp3, tag_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUDIO = make_frames(40)
ALL = {
    "title": "일요일 밤",
    "artist": "AC/DC",
    "album": "Straße",
    "date": "2024-05-06",
    "genre": "Podcast",
    "comment": "첫째\n둘째",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.partial"


def tagged(path: Path, content: bytes, tags: Mapping[str, str]) -> tuple[bytes, bytes, dict[str, str]]:
    """The file with these tags: its new head, all of its bytes, and the tags it is said to carry."""
    path.write_bytes(content)
    plan, carried = id3.plan(path, tags)
    assert len(plan.head) % 4096 == plan.cut % 4096, "the audio left its place within a block"
    return plan.head, plan.head + content[plan.cut :], carried


def read(content: bytes) -> ID3:
    return ID3(io.BytesIO(content), translate=False)


# Measures


def test_a_whole_mp3_is_measured(path: Path) -> None:
    path.write_bytes(make_mp3(10))
    facts = id3.measure(path)
    assert facts["duration"] == pytest.approx(10, abs=0.1)
    assert (facts["bitrate"], facts["sample_rate"], facts["channels"]) == (128_000, 44_100, 2)


@pytest.mark.parametrize("tags", [{}, ALL])
def test_a_tag_changes_no_measure(path: Path, tags: dict[str, str]) -> None:
    path.write_bytes(make_mp3(2, tags))
    assert id3.measure(path)["duration"] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"ID3",
        b"a text that is long enough to be looked at " * 1000,
        bytes(100_000),
        random.Random(1).randbytes(200_000).replace(b"\xff", b"\xfe"),
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(50_000),
        b"OggS" + bytes(50_000),
        tag(frame("TIT2", b"\x03only a tag")),
        tag(b"", padding=0)[:6] + b"\x7f\x7f\x7f\x7f" + AUDIO,
        b"<html>" + AUDIO[:417] + b"x" * 50_000,
        b"\xff\xfd\x90\x64" + AUDIO[4:417],
    ],
)
def test_what_is_no_mp3_is_refused_with_a_reason(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotMp3) as refused:
        id3.measure(path)
    assert refused.value.reason


def test_the_shortest_sound_is_an_mp3(path: Path) -> None:
    path.write_bytes(make_frames(2))
    assert id3.measure(path)["duration"] > 0


def test_a_cut_last_frame_is_no_fault(path: Path) -> None:
    path.write_bytes(AUDIO[:-100])
    assert id3.measure(path)["duration"] > 0


# Tags


def test_a_file_without_tags_asked_stays_byte_for_byte(path: Path) -> None:
    content = make_mp3(1, ALL)
    _, whole, carried = tagged(path, content, {})
    assert whole == content
    assert carried == ALL


def test_an_untagged_file_gets_version_2_3_in_utf_16(path: Path) -> None:
    head, whole, carried = tagged(path, AUDIO, ALL)
    assert head[:5] == b"ID3\x03\x00"
    assert whole.endswith(AUDIO)
    assert carried == ALL
    frames = dict(frames_of(head))
    assert set(frames) == {"TIT2", "TPE1", "TALB", "TCON", "TYER", "TDAT", "COMM"}
    assert frames["TIT2"][10:] == b"\x01" + "일요일 밤".encode("utf-16") + (
        b"\x00\x00" if frames["TIT2"][-1] == 0 else b""
    )


@pytest.mark.parametrize(
    ("date", "year", "day"),
    [("2024", "2024", None), ("2024-05", "2024", None), ("2024-05-06", "2024", "0605")],
)
def test_a_date_becomes_year_and_day_in_version_2_3(path: Path, date: str, year: str, day: str | None) -> None:
    head, _, _ = tagged(path, AUDIO, {"date": date})
    found = read(head)
    assert found["TYER"].text == [year]
    assert (found["TDAT"].text == [day]) if day else ("TDAT" not in found)
    assert "TDRC" not in found


def test_a_date_stays_a_date_in_version_2_4(path: Path) -> None:
    head, _, _ = tagged(path, tag(frame("TYER", b"\x031999", 4), 4) + AUDIO, {"date": "2024-05-06"})
    assert [name for name, _ in frames_of(head)] == ["TDRC"]
    assert str(read(head)["TDRC"]) == "2024-05-06"


def test_an_old_date_goes_from_version_2_3_as_a_whole(path: Path) -> None:
    old = frame("TYER", b"\x001999") + frame("TDAT", b"\x003112") + frame("TIME", b"\x002359")
    head, _, carried = tagged(path, tag(old) + AUDIO, {"date": "2024"})
    assert [name for name, _ in frames_of(head)] == ["TYER"]
    assert carried == {"date": "2024"}


def foreign(version: int) -> list[bytes]:
    """Frames that are not ours to change, some of which nobody knows."""
    return [
        frame("PRIV", b"com.example\x00" + bytes(range(256)), version),
        frame("GEOB", b"\x00application/x\x00name\x00desc\x00" + b"\xff\xe0\xff\x00" * 50, version),
        frame("XYZ9", b"nobody knows me \xff\xff", version, 0x4000),
        frame("TXXX", b"\x01\xff\xfed\x00\x00\x00\xff\xfev\x00", version),
        frame("TXXX", b"\x03REPLAYGAIN\x00-3 dB", version),
        frame("POPM", b"kim@example.com\x00\xff\x00\x00\x00\x07", version),
        frame("COMM", b"\x00engiTunNORM\x00 00000001", version),
        frame("COMM", b"\x01kor\xff\xfed\x00\x00\x00\xff\xfev\x00", version),
        frame("APIC", b"\x00image/png\x00\x03\x00" + random.Random(3).randbytes(3000), version),
        frame("USLT", b"\x03kor\x00" + "가사".encode(), version),
        frame("TRCK", b"\x003/12", version),
        frame("RVA2", b"x\x00\x01\x00\x00\x00", version),
        frame("TORY", b"\x001970", version),
    ]


@pytest.mark.parametrize("padding", [0, 1, 9, 2000])
@pytest.mark.parametrize("version", [3, 4])
def test_foreign_frames_are_kept_byte_for_byte(path: Path, version: int, padding: int) -> None:
    theirs = foreign(version)
    ours = [
        *(frame(name, b"\x00old", version) for name in ("TIT2", "TPE1", "TALB", "TCON")),
        frame("COMM", b"\x00eng\x00old", version),
        frame("COMM", b"\x01kor\xff\xfe\x00\x00\xff\xfex\x00", version),
    ]
    mixed = [*theirs, *ours]
    random.Random(7).shuffle(mixed)
    content = tag(b"".join(mixed), version, padding=padding) + AUDIO
    head, whole, carried = tagged(path, content, ALL)
    assert head[3] == version
    written = [whole_frame for _, whole_frame in frames_of(head)]
    assert [each for each in written if each in theirs] == [each for each in mixed if each in theirs]
    assert len(written) == len(theirs) + (7 if version == 3 else 6)
    assert whole.endswith(AUDIO)
    assert carried == ALL | {"track": "3/12", "lyrics": "가사"}


@pytest.mark.parametrize("key", TAGS)
@pytest.mark.parametrize("version", [3, 4])
def test_a_tag_that_is_not_asked_for_keeps_its_frame(path: Path, version: int, key: str) -> None:
    old = tag_bytes({name: "1999-02-03" if name == "date" else "old" for name in TAGS}, version)
    head, _, carried = tagged(path, old + AUDIO, {key: ALL[key]})
    before = {raw for _, raw in frames_of(old)}
    kept = {raw for _, raw in frames_of(head)} & before
    assert len(kept) == len(before) - (2 if key == "date" and version == 3 else 1)
    assert carried == {name: "1999-02-03" if name == "date" else "old" for name in TAGS} | {key: ALL[key]}


@pytest.mark.parametrize("version", [3, 4])
def test_every_further_tag_is_written_once_and_read_back(path: Path, version: int) -> None:
    assert set(MORE) == set(MORE_TAGS)
    asked = clean_tags(MORE)
    _, whole, carried = tagged(path, tag(frame("PRIV", b"x\x00y", version), version) + AUDIO, asked)
    assert carried == asked
    path.write_bytes(whole)
    assert id3.plan(path, {})[1] == asked
    _, again, _ = tagged(path, whole, asked)
    assert again == whole


def test_where_a_file_came_from_stands_in_it_and_is_replaced_by_the_next(path: Path) -> None:
    theirs = frame("UFID", b"http://musicbrainz.org\x00abc") + frame("TXXX", b"\x00OTHER\x00kept")
    path.write_bytes(tag(theirs) + AUDIO)
    for upload_id in ("first", "second"):
        plan, _ = id3.plan(path, {}, {"UPLOAD_FILENAME": f"밤 {upload_id}"}, upload_id=upload_id)
        path.write_bytes(plan.head + path.read_bytes()[plan.cut :])
    read_back = read(plan.head)
    assert [str(text) for text in read_back.getall("TXXX:UPLOAD_FILENAME")] == ["밤 second"]
    assert read_back["UFID:urn:media-service:upload"].data == b"second"
    assert theirs[: len(theirs) // 2] in plan.head
    assert theirs[len(theirs) // 2 :] in plan.head
    assert path.read_bytes().endswith(AUDIO)


def test_an_id3v1_tag_is_brought_along_and_none_is_made(path: Path) -> None:
    old = b"TAG" + b"Old".ljust(30, b"\0") + b"Kim".ljust(30, b"\0") + bytes(30) + b"1999" + bytes(30) + b"\x11"
    path.write_bytes(AUDIO + old)
    plan, _ = id3.plan(path, {"title": "New", "date": "2024-05-06", "track": "7/9"})
    assert plan.tail == b"TAG" + b"New".ljust(30, b"\0") + old[33:93] + b"2024" + bytes(29) + b"\x07\x11"
    path.write_bytes(AUDIO)
    assert id3.plan(path, {"title": "New"})[0].tail == b""


def test_an_opaque_tag_is_kept_and_not_read(path: Path) -> None:
    theirs = frame("TIT2", b"\x00" + b"x" * 70_000) + frame("PRIV", b"a\x00b")
    path.write_bytes(tag(theirs) + AUDIO)
    plan, carried = id3.plan(path, {"artist": "Kim"}, opaque=True)
    assert carried == {"artist": "Kim"}
    assert theirs in plan.head


@pytest.mark.parametrize(("found", "version"), [(3, 4), (4, 3), (None, 4)])
def test_the_version_asked_for_is_written(path: Path, found: int | None, version: int) -> None:
    old = b"" if found is None else tag(frame("TPE1", b"\x00Kim", found), found)
    path.write_bytes(old + AUDIO)
    plan, _ = id3.plan(path, {"title": "밤"}, version=version)
    assert plan.head[3] == version
    assert str(read(plan.head)["TIT2"]) == "밤"
    assert ("TPE1" in read(plan.head)) == (found is not None)


def test_a_version_2_2_tag_becomes_version_2_3(path: Path) -> None:
    old = tag(
        frame22("TT2", b"\x00old") + frame22("TP1", b"\x00Kim") + frame22("TXX", b"\x00key\x00value"), 2, padding=50
    )
    head, whole, carried = tagged(path, old + AUDIO, {"title": "밤"})
    assert head[3] == 3
    assert (str(read(head)["TIT2"]), str(read(head)["TPE1"]), read(head)["TXXX:key"].text) == ("밤", "Kim", ["value"])
    assert carried == {"title": "밤", "artist": "Kim"}
    assert whole.endswith(AUDIO)


def test_an_unsynchronised_tag_is_read_and_kept(path: Path) -> None:
    picture = b"\x00image/png\x00\x03\x00" + b"\xff\xe1\xff\x00" * 100
    body = frame("APIC", picture) + frame("TIT2", b"\x00old") + frame("TPE1", b"\x01\xff\xfeK\x00")
    head, whole, carried = tagged(path, tag(unsynchronised(body), flags=0x80) + AUDIO, {"title": "밤"})
    assert read(head)["APIC:"].data == picture[13:]
    assert carried == {"title": "밤", "artist": "K"}
    assert whole.endswith(AUDIO)


def test_an_unsynchronised_tag_loses_no_frame(path: Path) -> None:
    theirs = [frame("XYZ9", b"nobody knows me"), frame("RVAD", b"\x00\x10\x00\x01\x00\x01"), frame("TSIZ", b"\x0099")]
    body = b"".join(theirs) + frame("PRIV", b"x\x00\xff\xe0")
    head, _, _ = tagged(path, tag(unsynchronised(body), flags=0x80) + AUDIO, {"title": "밤"})
    assert [name for name, _ in frames_of(head)] == ["TIT2", "XYZ9", "RVAD", "TSIZ", "PRIV"]


def test_an_extended_header_is_passed_over(path: Path) -> None:
    extended = (6).to_bytes(4) + bytes(6)
    body = extended + frame("TIT2", b"\x00old") + frame("TPE1", b"\x00Kim")
    head, whole, carried = tagged(path, tag(body, flags=0x40) + AUDIO, {"title": "밤"})
    assert {name for name, _ in frames_of(head)} == {"TIT2", "TPE1"}
    assert carried == {"title": "밤", "artist": "Kim"}
    assert whole.endswith(AUDIO)


def test_a_footer_goes_with_its_tag(path: Path) -> None:
    old = tag(frame("TIT2", b"\x03old", 4), 4, 0x10)
    _, whole, _ = tagged(path, old + b"3DI" + old[3:10] + AUDIO, {"artist": "Kim"})
    assert whole.endswith(AUDIO)
    assert b"3DI" not in whole


@pytest.mark.parametrize("size", [100, 300, 20_000])
def test_plain_sizes_of_itunes_in_version_2_4_are_understood(path: Path, size: int) -> None:
    picture = b"\x00image/png\x00\x03\x00" + b"\x55" * (size - 13)
    body = frame("APIC", picture, 4, plain_size=True) + frame("TPE1", b"\x03Kim", 4)
    head, _, _ = tagged(path, tag(body, 4) + AUDIO, {"title": "밤"})
    assert read(head)["APIC:"].data == picture[13:]
    assert str(read(head)["TPE1"]) == "Kim"


def test_plain_sizes_with_zeros_in_the_picture_lose_nothing(path: Path) -> None:
    picture = b"\x00image/png\x00\x03\x00" + bytes(10_000)
    body = frame("APIC", picture, 4, plain_size=True) + frame("TPE1", b"\x03Kim", 4)
    head, _, _ = tagged(path, tag(body, 4) + AUDIO, {"title": "밤"})
    assert read(head)["APIC:"].data == picture[13:]
    assert str(read(head)["TPE1"]) == "Kim"


@pytest.mark.parametrize(
    "old",
    [
        tag(b"garbage that is no frame at all"),
        tag(frame("TIT2", b"\x00old")[:-2] + b"\xff\xff\xff\xff"),
        tag(frame("TPE1", b"\x00Kim"), 3)[:-3],
        tag(b"", 4),
        tag(b"", 3, padding=5000),
        tag(frame("TIT2", b"\x09bad encoding")),
    ],
)
def test_a_broken_tag_gives_way_to_ours_and_the_audio_stays(path: Path, old: bytes) -> None:
    path.write_bytes(old + AUDIO)
    plan, _ = id3.plan(path, {"title": "밤"})
    assert str(read(plan.head)["TIT2"]) == "밤"
    assert (old + AUDIO)[plan.cut :] in AUDIO


def test_what_only_looks_like_a_tag_is_audio(path: Path) -> None:
    content = b"ID3\x03\x00\x00\xff\xff\xff\xff" + AUDIO
    _, whole, _ = tagged(path, content, {"title": "밤"})
    assert whole.endswith(content)


def test_tagging_twice_is_tagging_once(path: Path) -> None:
    _, once, _ = tagged(path, AUDIO, ALL)
    _, twice, carried = tagged(path, once, ALL)
    assert twice == once
    assert carried == ALL


@pytest.mark.parametrize("version", [3, 4])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tags=st.dictionaries(st.sampled_from([key for key in TAGS if key != "date"]), st.text(max_size=40), min_size=1))
def test_any_clean_text_comes_back_from_the_file(path: Path, version: int, tags: dict[str, str]) -> None:
    asked = clean_tags(tags)
    _, whole, carried = tagged(path, tag(frame("PRIV", b"x\x00y", version), version) + AUDIO, asked)
    assert carried == asked
    path.write_bytes(whole)
    again = id3.plan(path, {})[1]
    assert {key: text for key, text in again.items() if key != "genre"} == {
        key: text for key, text in asked.items() if key != "genre"
    }


def test_what_a_file_carries_is_as_clean_as_what_a_client_sends(path: Path) -> None:
    old = tag(frame("TPE1", b"\x03Kim\x00Lee", 4) + frame("TIT2", "\x03exe.\u202e3pm\nx".encode(), 4), 4)
    _, _, carried = tagged(path, old + AUDIO, {})
    assert carried == clean_tags(carried)


def ffprobe(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags", str(path)]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    tags: dict[str, str] = json.loads(shown)["format"].get("tags", {})
    return {key.lower(): text for key, text in tags.items()}


@pytest.mark.parametrize("version", [None, 3, 4])
def test_ffprobe_reads_the_tags(path: Path, version: int | None) -> None:
    if shutil.which("ffprobe") is None:
        missing("ffprobe")
    old = b"" if version is None else tag(frame("TRCK", b"\x003/12", version), version)
    _, whole, _ = tagged(path, old + AUDIO, ALL)
    path.write_bytes(whole)
    shown = ffprobe(path)
    assert {key: shown[key] for key in ("title", "artist", "album", "genre", "comment")} == {
        key: ALL[key] for key in ("title", "artist", "album", "genre", "comment")
    }
    assert shown["date"].startswith("2024")
    assert shown.get("track") == (None if version is None else "3/12")


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_tag_that_is_taken_is_gone_and_its_neighbours_stay(path: Path, version: int) -> None:
    if version == 2:
        old = tag(frame22("TT2", b"\x00old") + frame22("TP1", b"\x00Kim") + frame22("COM", b"\x00eng\x00words"), 2)
    else:
        old = tag_bytes({"title": "old", "artist": "Kim", "comment": "words"}, version)
    path.write_bytes(old + AUDIO)
    plan, carried = id3.plan(path, {}, removed=["title", "comment"])
    assert carried == {"artist": "Kim"}
    path.write_bytes(plan.head + AUDIO)
    assert id3.plan(path, {})[1] == {"artist": "Kim"}


def test_the_size_field_is_what_a_reader_skips(path: Path) -> None:
    head, _, _ = tagged(path, AUDIO, ALL)
    assert head[6:10] == syncsafe(len(head) - 10)


REMOVABLE = {
    "2.2": tag(frame22("TT2", b"\x00old") + frame22("TP1", b"\x00Kim") + frame22("TXX", b"\x00key\x00value"), 2),
    "2.3": tag(frame("TIT2", b"\x00old") + frame("TPE1", b"\x00Kim") + frame("TXXX", b"\x00key\x00value")),
    "2.4": tag(frame("TIT2", b"\x00old", 4) + frame("TPE1", b"\x00Kim", 4) + frame("TXXX", b"\x00key\x00value", 4), 4),
}


@pytest.mark.parametrize("version", REMOVABLE)
def test_a_tag_that_is_taken_away_is_gone_and_nothing_else(path: Path, version: str) -> None:
    path.write_bytes(REMOVABLE[version] + AUDIO)
    plan, carried = id3.plan(path, {}, removed=["title", "date", "comment", "mood"])
    assert sorted(read(plan.head)) == ["TPE1", "TXXX:key"]
    assert carried == {"artist": "Kim"}
    assert len(plan.head) % 4096 == plan.cut % 4096
