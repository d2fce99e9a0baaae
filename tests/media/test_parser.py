"""The frame parser finds every frame, in linear time, for pieces of any size."""

from __future__ import annotations

import hashlib
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.core.findings import Grade
from media_service.media.inspection.findings import find_problems, grade
from tests.media.parsing import FRAMES, KIB, LEAD, PLAIN, POLICY, STREAM, TAGGED, VBRI, WHOLE, parse
from tests.media.raw_id3 import frame, tag
from tests.support.stream import ID3V1, RATES, Stream, ape_tag, lyrics_tag


@pytest.mark.parametrize("mono", [False, True])
@pytest.mark.parametrize("rate", RATES)
def test_every_sample_rate_is_parsed_to_the_end(rate: int, mono: bool) -> None:
    stream = Stream(rate, mono=mono, seed=rate)
    content = stream.with_header(stream.frames(50))
    report = parse(content)
    assert find_problems(report, POLICY) == []
    assert (report.frames, report.audio_start, report.audio_end) == (50, 0, len(content))
    assert report.first_header is not None
    assert (report.first_header.sample_rate, report.first_header.channels) == (rate, 1 if mono else 2)
    assert report.seconds == pytest.approx((50 * stream.samples - 576) / rate)
    assert report.audio_sha256 == hashlib.sha256(content).digest()
    assert grade(report, digest_given=False) is Grade.PROVEN


AROUND = {
    "nothing": (b"", b""),
    "id3v2.3": (TAGGED, b""),
    "id3v2.4": (tag(frame("TIT2", b"\x03Title", 4), 4), b""),
    "footer": ((footed := tag(frame("TIT2", b"\x03Title", 4), 4, 0x10)) + b"3DI" + footed[3:10], b""),
    "id3v1": (b"", ID3V1),
    "ape": (b"", ape_tag()),
    "ape and id3v1": (TAGGED, ape_tag() + ID3V1),
    "lyrics": (b"", lyrics_tag() + ID3V1),
    "appended": (b"", tag(frame("TIT2", b"\x03Title", 4), 4)),
    "ape in front": (ape_tag(), b""),
}


@pytest.mark.parametrize("around", AROUND)
def test_surrounding_tags_are_neither_audio_nor_junk(around: str) -> None:
    before, behind = AROUND[around]
    report = parse(before + WHOLE + behind)
    assert find_problems(report, POLICY) == []
    assert (report.audio_start, report.audio_end) == (len(before), len(before) + len(WHOLE))
    assert report.audio_sha256 == hashlib.sha256(WHOLE).digest()


LONG = b"".join(Stream(seed=11).changing(1500))


@pytest.mark.parametrize("seed", range(12))
def test_strides_skip_only_frames(seed: int) -> None:
    """Long pieces are parsed by strides, short ones frame by frame; the reports are equal."""
    source, content = random.Random(seed), bytearray(LONG)
    for _ in range(seed):
        at = source.randrange(len(content))
        content[at : at + source.choice([0, 1, 4])] = source.randbytes(source.choice([0, 1, 4, 300]))
    by_stride, by_frame = parse(bytes(content), 80_000), parse(bytes(content), 4 * KIB - 1)
    assert by_stride == by_frame
    assert by_frame.audio_end == len(LONG) or seed


PIECES = [b"ID3\4\0\0\0\0\1\0", b"TAG", b"LYRICSBEGIN", bytes(5000), WHOLE[:LEAD], VBRI, b"Info"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_streams_give_the_same_report_for_any_pieces(data: st.DataObject) -> None:
    content = bytearray(WHOLE[:20_000] + ape_tag() + WHOLE[:9_000] + WHOLE[:9_000] + ID3V1)
    if data.draw(st.booleans()):
        content[:0] = TAGGED
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        piece = data.draw(st.binary(max_size=40) | st.sampled_from(PIECES))
        size = data.draw(st.integers(0, 3000))
        content[at : at + size] = piece
    first, second = parse(bytes(content)), parse(bytes(content), data.draw(st.integers(1, 5000)))
    assert first == second
    assert first.size == len(content)
    assert find_problems(first, POLICY) == find_problems(second, POLICY)
    assert 0 <= first.audio_start <= first.audio_end <= len(content)
    if first.first_header is not None:
        assert first.audio_sha256 == hashlib.sha256(content[first.audio_start : first.audio_end]).digest()
        assert first.file_sha256 == (None if first.audio_start else hashlib.sha256(content).digest())


HOSTILE = {
    "named": (STREAM.frame(content=b"Info") + WHOLE[:LEAD] + FRAMES[0]) * 8000,
    "headers": b"\xff\xfb\x90\x64" * (KIB * KIB),
    "ones": b"\xff" * (4 * KIB * KIB),
    "lyrics": (b"".join(FRAMES[:4]) + b"LYRICSBEGIN") * 4000,
    "formats": (b"".join(FRAMES[:4]) + b"".join(Stream(48_000).frames(4))) * 2500,
    "gaps": (b"".join(FRAMES[:4]) + b"\xff\xfb" * 50) * 4500,
    "tags": PLAIN + b"ID3\3\0\0\0\0\0\0" * 400_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bytes_take_linear_time(kind: str) -> None:
    began = time.process_time()
    parse(HOSTILE[kind], 64 * KIB)
    assert time.process_time() - began < 5
