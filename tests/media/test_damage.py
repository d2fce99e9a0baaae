"""The frame parser finds every kind of damage, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.core.findings import Grade, Outcome, Severities, Severity, outcome, refusal_of
from media_service.media.inspection.findings import find_early_problems, find_problems, grade
from media_service.media.mpeg.parser import FrameParser
from tests.media.parsing import FRAMES, KIB, LEAD, PLAIN, POLICY, STREAM, TAGGED, WHOLE, codes, parse
from tests.support.stream import ID3V1, Stream, ape_tag, music_crc

FLIPPED = bytearray(WHOLE)
FLIPPED[LEAD + 150 * len(FRAMES[0]) + 100] ^= 1
GUARDED = Stream(protected=True, seed=8)
GUARDED_FRAMES = GUARDED.frames(60)
BAD_CRC = bytearray(b"".join(GUARDED_FRAMES))
BAD_CRC[30 * len(GUARDED_FRAMES[0]) + 10] ^= 1


def changed_header(at: int) -> bytes:
    """Return the whole file with one bit changed, `at` bytes after the encoder's name."""
    changed = bytearray(WHOLE)
    changed[WHOLE.index(b"LAME3.100") + at] ^= 1
    return bytes(changed)


LONG_APE = ape_tag(random.Random(6).randbytes(1_500_000))
DAMAGED: dict[str, tuple[bytes, Outcome, str | None]] = {
    "whole": (WHOLE, Outcome.OK, None),
    "without header": (PLAIN, Outcome.OK, None),
    "guarded": (b"".join(GUARDED_FRAMES), Outcome.OK, None),
    "cut in a frame": (PLAIN[:-100], Outcome.REJECT, "truncated_frame"),
    "cut in a header": (PLAIN[: 209 * 300 + 3], Outcome.REJECT, "truncated_frame"),
    "cut in its id3v1": (PLAIN + ID3V1[:60], Outcome.WARN, "trailing_junk"),
    "cut in its ape": (PLAIN + ape_tag()[:60], Outcome.WARN, "trailing_junk"),
    "an ape without header": (PLAIN + ape_tag()[32:] + ID3V1, Outcome.OK, None),
    "a long ape without header": (PLAIN + LONG_APE[32:] + ID3V1, Outcome.OK, None),
    "a long ape, cut": (PLAIN + LONG_APE[32:-9], Outcome.REJECT, "sync_lost"),
    "a stated music crc changed": (changed_header(33), Outcome.WARN, "music_crc_mismatch"),
    "a stated delay changed": (changed_header(22), Outcome.OK, None),
    "an mp4 without its type": (b"\0\0\0\x08wide\0\0\0\0mdat" + PLAIN, Outcome.REJECT, "not_mpeg_audio"),
    "cut at a frame": (WHOLE[: LEAD + 200 * len(FRAMES[0])], Outcome.REJECT, "xing_frames_fewer"),
    "cut before its id3v1": (PLAIN[:-100] + ID3V1, Outcome.REJECT, "truncated_frame"),
    "a byte lost": (WHOLE[:30_000] + WHOLE[30_001:], Outcome.REJECT, "sync_lost"),
    "a block lost": (PLAIN[:30_000] + PLAIN[38_192:], Outcome.REJECT, "sync_lost"),
    "a block twice": (PLAIN[:38_192] + PLAIN[30_000:], Outcome.REJECT, "sync_lost"),
    "a hole": (PLAIN[:30_000] + bytes(8192) + PLAIN[38_192:], Outcome.REJECT, "zero_hole"),
    "a hole at the end": (PLAIN[:-50_000] + bytes(50_000), Outcome.REJECT, "zero_hole"),
    "a block of zeros at the end": (PLAIN[:-4096] + bytes(4096), Outcome.REJECT, "zero_hole"),
    "zeros before its id3v1": (PLAIN[:-4096] + bytes(4096) + ID3V1, Outcome.REJECT, "zero_hole"),
    "zeros where a header says that more comes": (WHOLE[:-5000] + bytes(5000), Outcome.REJECT, "xing_frames_fewer"),
    "zeros where a header says that all is there": (WHOLE + bytes(40_000), Outcome.WARN, "trailing_junk"),
    "less than a block of zeros behind": (PLAIN + bytes(4095), Outcome.WARN, "trailing_junk"),
    "frames lost": (WHOLE[: LEAD + 2090] + WHOLE[LEAD + 2090 + 209 * 10 :], Outcome.REJECT, "xing_frames_fewer"),
    "garbage inside": (PLAIN[:20_900] + b"G" * 999 + PLAIN[20_900:], Outcome.REJECT, "sync_lost"),
    "a bit flipped": (bytes(FLIPPED), Outcome.WARN, "music_crc_mismatch"),
    "a bit flipped in a guarded frame": (bytes(BAD_CRC), Outcome.REJECT, "frame_crc_mismatch"),
    "another rate joined": (PLAIN + b"".join(Stream(48_000).frames(50)), Outcome.REJECT, "format_change"),
    "a stated size of a longer file": (
        STREAM.first(400, len(WHOLE) + 9000, music_crc(WHOLE)) + PLAIN,
        Outcome.WARN,
        "xing_bytes_mismatch",
    ),
    "joined with itself": (WHOLE + WHOLE, Outcome.WARN, "xing_frames_more"),
    "joined behind its own header": (PLAIN + WHOLE, Outcome.WARN, "concatenated"),
    "whole files joined": (WHOLE + WHOLE, Outcome.WARN, "concatenated"),
    "another header in front": (STREAM.first(400, len(WHOLE), music_crc(WHOLE)) + WHOLE, Outcome.OK, None),
    "joined with a tag between": (PLAIN + TAGGED + PLAIN, Outcome.WARN, "concatenated"),
    "mono joined": (PLAIN + b"".join(Stream(mono=True).frames(9)), Outcome.WARN, "channels_change"),
    "a count that lies": (STREAM.with_header(FRAMES, 900), Outcome.REJECT, "xing_frames_fewer"),
    "varying without header": (b"".join(STREAM.changing(60)), Outcome.WARN, "vbr_without_header"),
    "varying with header": (STREAM.with_header(STREAM.changing(60), kind=b"Xing"), Outcome.OK, None),
    "junk before": (b"junk" * 50 + PLAIN, Outcome.WARN, "leading_junk"),
    "zeros behind": (PLAIN + bytes(1000), Outcome.WARN, "trailing_junk"),
    "much junk behind": (PLAIN + b"x" * 70_000, Outcome.REJECT, "trailing_junk"),
    "an archive behind": (PLAIN + b"PK\3\4" + b"x" * 500, Outcome.REJECT, "trailing_junk"),
    "two millions of junk behind": (PLAIN + b"x" * 2_000_000, Outcome.REJECT, "sync_lost"),
    "two millions of zeros inside": (PLAIN + bytes(2_000_000) + PLAIN, Outcome.REJECT, "zero_hole"),
    "nothing": (b"", Outcome.REJECT, "empty"),
    "only a tag": (TAGGED, Outcome.REJECT, "no_frames"),
    "only zeros": (bytes(200_000), Outcome.REJECT, "not_mpeg_audio"),
    "noise": (random.Random(4).randbytes(200_000), Outcome.REJECT, "not_mpeg_audio"),
    "a wave file with frames in it": (b"RIFF\0\0\0\0WAVEfmt " + PLAIN, Outcome.REJECT, "not_mpeg_audio"),
    "one frame": (FRAMES[0], Outcome.REJECT, "too_short"),
    "layer two": (b"\xff\xfd\x90\x64".ljust(522, b"x") * 40, Outcome.REJECT, "unsupported_layer"),
    "free format": (b"\xff\xfb\x00\x64".ljust(800, b"x") * 40, Outcome.REJECT, "free_format"),
    "a tag that never ends": (TAGGED[:6] + b"\x7f\x7f\x7f\x7f" + PLAIN, Outcome.REJECT, "id3_oversize"),
    "a tag beyond the end": (TAGGED[:6] + b"\x00\x40\x00\x00" + PLAIN[:9000], Outcome.REJECT, "id3_truncated"),
    "two tags in front": (TAGGED + TAGGED + PLAIN, Outcome.WARN, "id3v2_multiple"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_each_fault_gives_exactly_its_finding(name: str) -> None:
    content, expected, code = DAMAGED[name]
    verdict, found = codes(content)
    assert verdict is expected, found
    assert (code in found) if code else not found


@pytest.mark.parametrize("size", [1, 7, 4 * KIB, 100_000])
@pytest.mark.parametrize("name", [name for name in DAMAGED if "million" not in name])
def test_report_does_not_depend_on_the_size_of_pieces(name: str, size: int) -> None:
    content = DAMAGED[name][0]
    assert parse(content, size) == parse(content)


@pytest.mark.parametrize("size", [10_007, 1024 * KIB])
@pytest.mark.parametrize("name", [name for name in DAMAGED if "million" in name])
def test_parser_gives_up_at_the_same_offset_for_any_size_of_pieces(name: str, size: int) -> None:
    content = DAMAGED[name][0]
    assert parse(content, size) == parse(content)


@settings(max_examples=100, deadline=None)
@given(
    hole=st.integers(4096, 50_000), behind=st.sampled_from([b"", ID3V1, ape_tag() + ID3V1]), size=st.integers(1, 70_000)
)
def test_unwritten_block_at_the_end_is_detected(hole: int, behind: bytes, size: int) -> None:
    found = find_problems(parse(PLAIN[:-hole] + bytes(hole) + behind, size), POLICY)
    assert [each.code for each in found] == ["zero_hole"]


def test_music_crc_covers_every_bit() -> None:
    for seed in range(40):
        source = random.Random(seed)
        content = bytearray(WHOLE)
        content[source.randrange(LEAD + 40, len(WHOLE))] ^= 1 << source.randrange(8)
        assert outcome(find_problems(parse(bytes(content)), POLICY)) is not Outcome.OK


def test_grade_follows_from_count_and_digest() -> None:
    assert grade(parse(WHOLE), digest_given=False) is Grade.PROVEN
    assert grade(parse(bytes(FLIPPED)), digest_given=False) is Grade.COMPLETE
    assert grade(parse(bytes(FLIPPED)), digest_given=True) is Grade.PROVEN
    assert grade(parse(PLAIN), digest_given=True) is Grade.STRUCTURAL


def test_first_mebibyte_shows_early_problems() -> None:
    for content in (b"\0\0\0\x20ftypisom" + bytes(KIB * KIB), random.Random(2).randbytes(KIB * KIB)):
        parser = FrameParser()
        parser.feed(content)
        assert outcome(find_early_problems(parser.report, 1 << 30, POLICY)) is Outcome.REJECT
    parser = FrameParser()
    parser.feed(WHOLE)
    assert find_early_problems(parser.report, 1 << 30, POLICY) == []


def test_policy_sets_the_severity_of_a_finding() -> None:
    report = parse(PLAIN + bytes(1000))
    assert outcome(find_problems(report, Severities({"trailing_junk": Severity.REJECT}))) is Outcome.REJECT
    assert outcome(find_problems(report, Severities({"trailing_junk": Severity.INFO}))) is Outcome.OK
    lenient = Severities({"truncated_frame": Severity.WARN})
    assert refusal_of(find_problems(parse(PLAIN[:-100]), lenient)) is None
