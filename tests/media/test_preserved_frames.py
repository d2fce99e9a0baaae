"""Existing frames are preserved."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from media_service.media.tags.rewrite import plan_rewrite
from tests.media.raw_id3 import frame, frame22, frames_of, tag, unsynchronised
from tests.media.rewritten import AUDIO, read, tagged
from tests.media.sample_tags import ALL

if TYPE_CHECKING:
    from pathlib import Path


def foreign(version: int) -> list[bytes]:
    """Return frames that we do not write, some of them unknown."""
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


def test_opaque_tag_is_kept_unread(path: Path) -> None:
    theirs = frame("TIT2", b"\x00" + b"x" * 70_000) + frame("PRIV", b"a\x00b")
    path.write_bytes(tag(theirs) + AUDIO)
    planned, carried = plan_rewrite(path, {"artist": "Kim"}, opaque=True)
    assert carried.tags == {"artist": "Kim"}
    assert theirs in planned.head


def test_a_version_2_2_tag_becomes_version_2_3(path: Path) -> None:
    old = tag(
        frame22("TT2", b"\x00old") + frame22("TP1", b"\x00Kim") + frame22("TXX", b"\x00key\x00value"), 2, padding=50
    )
    head, whole, carried = tagged(path, old + AUDIO, {"title": "밤"})
    assert head[3] == 3
    assert (str(read(head)["TIT2"]), str(read(head)["TPE1"]), read(head)["TXXX:key"].text) == ("밤", "Kim", ["value"])
    assert carried == {"title": "밤", "artist": "Kim"}
    assert whole.endswith(AUDIO)


def test_unsynchronised_tag_is_read_and_kept(path: Path) -> None:
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


def test_extended_header_is_skipped(path: Path) -> None:
    extended = (6).to_bytes(4) + bytes(6)
    body = extended + frame("TIT2", b"\x00old") + frame("TPE1", b"\x00Kim")
    head, whole, carried = tagged(path, tag(body, flags=0x40) + AUDIO, {"title": "밤"})
    assert {name for name, _ in frames_of(head)} == {"TIT2", "TPE1"}
    assert carried == {"title": "밤", "artist": "Kim"}
    assert whole.endswith(AUDIO)


def test_footer_is_dropped_with_its_tag(path: Path) -> None:
    old = tag(frame("TIT2", b"\x03old", 4), 4, 0x10)
    _, whole, _ = tagged(path, old + b"3DI" + old[3:10] + AUDIO, {"artist": "Kim"})
    assert whole.endswith(AUDIO)
    assert b"3DI" not in whole


@pytest.mark.parametrize("size", [100, 300, 20_000])
def test_plain_sizes_of_itunes_in_version_2_4_are_read(path: Path, size: int) -> None:
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
def test_broken_tag_is_replaced_and_the_audio_stays(path: Path, old: bytes) -> None:
    path.write_bytes(old + AUDIO)
    planned, _ = plan_rewrite(path, {"title": "밤"})
    assert str(read(planned.head)["TIT2"]) == "밤"
    assert (old + AUDIO)[planned.cut :] in AUDIO


@pytest.mark.parametrize(
    "old",
    [
        tag(frame("TIT2", b"\x00Theirs") + frame("TXXX", b"\x00key\x00" + b"x" * 70_000)),
        tag(frame("TPE1", b"\x00Kim")) + tag(frame("TIT2", b"\x00Theirs", 4), 4),
    ],
)
def test_guess_replaces_no_value_of_an_unread_or_second_tag(path: Path, old: bytes) -> None:
    path.write_bytes(old + AUDIO)
    planned, _ = plan_rewrite(path, {}, {"UPLOADED_AT": "now"}, guesses={"title": "Guessed", "artist": "Guessed"})
    assert str(read(planned.head)["TIT2"]) == "Theirs"
