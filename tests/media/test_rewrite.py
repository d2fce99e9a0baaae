"""Requested tags are in the file as they were requested."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_service.core.tags import LISTED_TAGS as TAGS
from media_service.core.tags import MORE_TAGS, clean_tags
from media_service.media.tags.rewrite import plan_rewrite
from tests.conftest import missing
from tests.media.raw_id3 import frame, frame22, frames_of, syncsafe, tag
from tests.media.rewritten import AUDIO, read, tagged
from tests.media.sample_tags import ALL, MORE
from tests.support.mp3 import make_mp3, tag_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_file_without_requested_tags_is_unchanged(path: Path) -> None:
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


def test_replaced_date_removes_all_date_frames_of_version_2_3(path: Path) -> None:
    old = frame("TYER", b"\x001999") + frame("TDAT", b"\x003112") + frame("TIME", b"\x002359")
    head, _, carried = tagged(path, tag(old) + AUDIO, {"date": "2024"})
    assert [name for name, _ in frames_of(head)] == ["TYER"]
    assert carried == {"date": "2024"}


@pytest.mark.parametrize("key", TAGS)
@pytest.mark.parametrize("version", [3, 4])
def test_frame_of_a_tag_that_is_not_requested_stays(path: Path, version: int, key: str) -> None:
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
    assert plan_rewrite(path, {})[1].tags == asked
    _, again, _ = tagged(path, whole, asked)
    assert again == whole


def test_provenance_is_written_and_replaced_by_the_next(path: Path) -> None:
    theirs = frame("UFID", b"http://musicbrainz.org\x00abc") + frame("TXXX", b"\x00OTHER\x00kept")
    path.write_bytes(tag(theirs) + AUDIO)
    for upload_id in ("first", "second"):
        planned, _ = plan_rewrite(path, {}, {"UPLOAD_FILENAME": f"밤 {upload_id}"}, upload_id=upload_id)
        path.write_bytes(planned.head + path.read_bytes()[planned.cut :])
    read_back = read(planned.head)
    assert [str(text) for text in read_back.getall("TXXX:UPLOAD_FILENAME")] == ["밤 second"]
    assert read_back["UFID:urn:media-service:upload"].data == b"second"
    assert theirs[: len(theirs) // 2] in planned.head
    assert theirs[len(theirs) // 2 :] in planned.head
    assert path.read_bytes().endswith(AUDIO)


def test_existing_id3v1_tag_is_updated_and_none_is_added(path: Path) -> None:
    old = b"TAG" + b"Old".ljust(30, b"\0") + b"Kim".ljust(30, b"\0") + bytes(30) + b"1999" + bytes(30) + b"\x11"
    path.write_bytes(AUDIO + old)
    planned, _ = plan_rewrite(path, {"title": "New", "date": "2024-05-06", "track": "7/9"})
    assert planned.tail == b"TAG" + b"New".ljust(30, b"\0") + old[33:93] + b"2024" + bytes(29) + b"\x07\x11"
    path.write_bytes(AUDIO)
    assert plan_rewrite(path, {"title": "New"})[0].tail == b""


@pytest.mark.parametrize(("found", "version"), [(3, 4), (4, 3), (None, 4)])
def test_requested_version_is_written(path: Path, found: int | None, version: int) -> None:
    old = b"" if found is None else tag(frame("TPE1", b"\x00Kim", found), found)
    path.write_bytes(old + AUDIO)
    planned, _ = plan_rewrite(path, {"title": "밤"}, version=version)
    assert planned.head[3] == version
    assert str(read(planned.head)["TIT2"]) == "밤"
    assert ("TPE1" in read(planned.head)) == (found is not None)


def test_tag_signature_inside_audio_is_audio(path: Path) -> None:
    content = b"ID3\x03\x00\x00\xff\xff\xff\xff" + AUDIO
    _, whole, _ = tagged(path, content, {"title": "밤"})
    assert whole.endswith(content)


def test_tagging_is_idempotent(path: Path) -> None:
    _, once, _ = tagged(path, AUDIO, ALL)
    _, twice, carried = tagged(path, once, ALL)
    assert twice == once
    assert carried == ALL


@pytest.mark.parametrize("version", [3, 4])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tags=st.dictionaries(st.sampled_from([key for key in TAGS if key != "date"]), st.text(max_size=40), min_size=1))
def test_any_clean_text_is_read_back(path: Path, version: int, tags: dict[str, str]) -> None:
    asked = clean_tags(tags)
    _, whole, carried = tagged(path, tag(frame("PRIV", b"x\x00y", version), version) + AUDIO, asked)
    assert carried == asked
    path.write_bytes(whole)
    again = plan_rewrite(path, {})[1].tags
    assert {key: text for key, text in again.items() if key != "genre"} == {
        key: text for key, text in asked.items() if key != "genre"
    }


def test_values_of_a_file_are_cleaned_as_those_of_a_client(path: Path) -> None:
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
def test_removed_tag_is_gone_and_other_frames_stay(path: Path, version: int) -> None:
    if version == 2:
        old = tag(frame22("TT2", b"\x00old") + frame22("TP1", b"\x00Kim") + frame22("COM", b"\x00eng\x00words"), 2)
    else:
        old = tag_bytes({"title": "old", "artist": "Kim", "comment": "words"}, version)
    path.write_bytes(old + AUDIO)
    planned, carried = plan_rewrite(path, {}, removed=["title", "comment"])
    assert carried.tags == {"artist": "Kim"}
    path.write_bytes(planned.head + AUDIO)
    assert plan_rewrite(path, {})[1].tags == {"artist": "Kim"}


def test_size_field_matches_the_tag(path: Path) -> None:
    head, _, _ = tagged(path, AUDIO, ALL)
    assert head[6:10] == syncsafe(len(head) - 10)


REMOVABLE = {
    "2.2": tag(frame22("TT2", b"\x00old") + frame22("TP1", b"\x00Kim") + frame22("TXX", b"\x00key\x00value"), 2),
    "2.3": tag(frame("TIT2", b"\x00old") + frame("TPE1", b"\x00Kim") + frame("TXXX", b"\x00key\x00value")),
    "2.4": tag(frame("TIT2", b"\x00old", 4) + frame("TPE1", b"\x00Kim", 4) + frame("TXXX", b"\x00key\x00value", 4), 4),
}


@pytest.mark.parametrize("version", REMOVABLE)
def test_removing_a_tag_removes_only_that_tag(path: Path, version: str) -> None:
    path.write_bytes(REMOVABLE[version] + AUDIO)
    planned, carried = plan_rewrite(path, {}, removed=["title", "date", "comment", "mood"])
    assert sorted(read(planned.head)) == ["TPE1", "TXXX:key"]
    assert carried.tags == {"artist": "Kim"}
    assert len(planned.head) % 4096 == planned.cut % 4096
