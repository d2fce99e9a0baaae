"""MP3s measured by mutagen."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.files import NotMp3
from media_service.media.tags.mutagen_adapter import measure
from tests.media.raw_id3 import frame, tag
from tests.media.rewritten import AUDIO
from tests.media.sample_tags import ALL
from tests.support.mp3 import make_frames, make_mp3

if TYPE_CHECKING:
    from pathlib import Path


def test_complete_mp3_is_measured(path: Path) -> None:
    path.write_bytes(make_mp3(10))
    facts = measure(path)
    assert facts["duration"] == pytest.approx(10, abs=0.1)
    assert (facts["bitrate"], facts["sample_rate"], facts["channels"]) == (128_000, 44_100, 2)


@pytest.mark.parametrize("tags", [{}, ALL])
def test_tags_do_not_change_the_measurement(path: Path, tags: dict[str, str]) -> None:
    path.write_bytes(make_mp3(2, tags))
    assert measure(path)["duration"] == pytest.approx(2, abs=0.1)


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
def test_other_formats_are_refused_with_a_reason(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotMp3) as refused:
        measure(path)
    assert refused.value.reason


def test_two_frames_are_an_mp3(path: Path) -> None:
    path.write_bytes(make_frames(2))
    assert measure(path)["duration"] > 0


def test_incomplete_last_frame_is_accepted(path: Path) -> None:
    path.write_bytes(AUDIO[:-100])
    assert measure(path)["duration"] > 0
