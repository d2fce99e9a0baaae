"""The frame parser finds files that were joined to one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.media.inspection.findings import find_problems
from tests.media.parsing import KIB, PLAIN, POLICY, STREAM, VBRI, parse
from tests.support.stream import RATES, Stream


@pytest.mark.parametrize("size", [1, 100, 4 * KIB, 80_000, None])
@pytest.mark.parametrize(
    "stream", [Stream(seed=5), Stream(24_000, mono=True, seed=6), Stream(mono=True, protected=True, seed=7)]
)
def test_vbr_header_of_a_second_file_marks_a_concatenation(stream: Stream, size: int | None) -> None:
    parts = [stream.frames(count) for count in (700, 300, 400)]
    first, second, third = (b"".join(frames) for frames in parts)
    content = first + stream.with_header(parts[1]) + stream.with_header(parts[2], kind=b"Xing")
    report = parse(content, size)
    assert report.concatenations == [len(first), len(content) - len(stream.with_header(parts[2]))]
    assert (report.frames, report.audio_end) == (1400, len(content))
    assert report.seconds == pytest.approx(1400 * stream.samples / stream.rate)
    assert second in content
    assert third in content


def test_vbri_header_and_other_channels_mark_a_concatenation() -> None:
    assert parse(PLAIN + VBRI + PLAIN).concatenations == [len(PLAIN)]
    mono = Stream(mono=True, seed=9)
    assert parse(PLAIN + mono.with_header(mono.frames(9))).concatenations == [len(PLAIN)]


def test_vbr_header_id_inside_audio_is_audio() -> None:
    named = [STREAM.frame(content=b"x" * at + b"Info") for at in (1, 2, 50)]
    content = PLAIN + b"".join(named) + PLAIN
    assert (parse(content).concatenations, parse(content).frames) == ([], 803)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_concatenated_files_are_detected_and_counted(data: st.DataObject) -> None:
    rate, mono = data.draw(st.sampled_from(sorted(RATES))), data.draw(st.booleans())
    stream = Stream(rate, mono=mono, seed=data.draw(st.integers(0, 9)))
    counts = data.draw(st.lists(st.integers(4, 200), min_size=2, max_size=4))
    kinds = st.sampled_from([b"Xing", b"Info"])
    parts = [stream.with_header(stream.frames(count), kind=data.draw(kinds)) for count in counts]
    report = parse(b"".join(parts), data.draw(st.integers(1, 70_000)))
    assert report.concatenations == [sum(map(len, parts[:number])) for number in range(1, len(parts))]
    assert report.frames == sum(counts)
    assert "concatenated" in {found.code for found in find_problems(report, POLICY)}
