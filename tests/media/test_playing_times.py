"""Findings have the playing times of the damage."""

from __future__ import annotations

from typing import Any

import pytest

from media_service.core.findings import Finding, Severities
from media_service.media.inspection.findings import find_problems
from media_service.media.mpeg.parser import FrameParser
from tests.support.stream import ID3V1, Stream

STREAM = Stream(seed=31)
SECONDS = 1152 / 44_100
"""Duration of a frame."""

CONSTANT = STREAM.frames(2000)
VARYING = STREAM.changing(1998)


def found(content: bytes, piece: int = 50_000) -> dict[str, Finding]:
    """Return the first finding of each code."""
    parser = FrameParser()
    for at in range(0, len(content), piece):
        parser.feed(content[at : at + piece])
    findings: dict[str, Finding] = {}
    for finding in find_problems(parser.finish(), Severities()):
        findings.setdefault(finding.code, finding)
    return findings


def times(finding: Finding) -> Any:
    return finding.start_seconds, finding.stop_seconds


def zeroed(frames: list[bytes], start: int, stop: int) -> bytes:
    return b"".join(frames[:start]) + bytes(sum(map(len, frames[start:stop]))) + b"".join(frames[stop:])


@pytest.mark.parametrize("frames", [CONSTANT, VARYING], ids=["constant", "varying"])
@pytest.mark.parametrize("behind", [b"", ID3V1])
def test_hole_has_the_times_of_its_start_and_end(frames: list[bytes], behind: bytes) -> None:
    content = zeroed(frames, 900, 1200) + behind
    hole = found(content)["zero_hole"]
    assert times(hole) == (pytest.approx(900 * SECONDS, abs=0.03), pytest.approx(1200 * SECONDS, abs=0.2))


def test_times_of_a_second_hole_include_the_first_one() -> None:
    content = zeroed(CONSTANT[:1000], 300, 500) + zeroed(CONSTANT[1000:], 400, 500)
    parser = FrameParser()
    parser.feed(content)
    first, second = find_problems(parser.finish(), Severities())
    assert times(first) == (pytest.approx(300 * SECONDS, abs=0.03), pytest.approx(500 * SECONDS, abs=0.05))
    assert times(second) == (pytest.approx(1400 * SECONDS, abs=0.05), pytest.approx(1500 * SECONDS, abs=0.1))


def test_damage_up_to_the_end_has_no_stop() -> None:
    hole = found(b"".join(CONSTANT[:1500]) + bytes(60_000))["zero_hole"]
    assert times(hole) == (pytest.approx(1500 * SECONDS, abs=0.03), None)
    given_up = found(b"".join(CONSTANT[:1500]) + bytes(2_000_000) + b"".join(CONSTANT[1500:]))["zero_hole"]
    assert times(given_up) == (pytest.approx(1500 * SECONDS, abs=0.03), None)


def test_damaged_frames_have_a_time() -> None:
    content = b"".join(CONSTANT[:700]) + b"G" * 999 + b"".join(CONSTANT[700:])
    assert found(content)["sync_lost"].start_seconds == pytest.approx(700 * SECONDS, abs=0.03)


@pytest.mark.parametrize("behind", [b"", ID3V1])
def test_truncated_end_has_the_time_of_the_last_frame(behind: bytes) -> None:
    cut = found(b"".join(VARYING)[:-20] + behind)["truncated_frame"]
    assert times(cut) == (pytest.approx(1997 * SECONDS, abs=0.03), None)


def test_fewer_frames_than_declared_give_both_durations() -> None:
    content = STREAM.with_header(CONSTANT)
    lead = len(content) - sum(map(len, CONSTANT))
    short = found(content[: lead + 500 * len(CONSTANT[0])])["xing_frames_fewer"]
    assert times(short) == (pytest.approx(500 * SECONDS, abs=0.03), pytest.approx(2000 * SECONDS, abs=0.03))


def test_format_change_concatenation_and_bad_crc_have_a_time() -> None:
    other = b"".join(Stream(48_000).frames(50))
    assert times(found(b"".join(CONSTANT) + other)["format_change"]) == (pytest.approx(2000 * SECONDS, abs=0.001), None)
    joined = found(b"".join(CONSTANT) + STREAM.with_header(VARYING))["concatenated"]
    assert times(joined) == (pytest.approx(2000 * SECONDS, abs=0.001), None)
    guarded = Stream(protected=True, seed=8)
    frames = guarded.frames(60)
    bad = bytearray(b"".join(frames))
    bad[30 * len(frames[0]) + 10] ^= 1
    assert times(found(bytes(bad))["frame_crc_mismatch"]) == (pytest.approx(30 * SECONDS, abs=0.001), None)


def test_findings_outside_of_the_audio_have_no_time() -> None:
    assert times(found(b"junk" * 50 + b"".join(CONSTANT))["leading_junk"]) == (None, None)
    assert times(found(b"".join(CONSTANT) + b"x" * 300)["trailing_junk"]) == (None, None)
