"""The frame parser finds every frame and every kind of damage, in linear time, for pieces of any size."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.core.findings import Grade, Outcome, Severities, Severity, outcome, refusal_of
from media_service.media.inspection.findings import find_early_problems, find_problems, grade
from media_service.media.mpeg.parser import FrameParser
from tests.conftest import missing
from tests.media.raw_id3 import frame, tag
from tests.support.stream import ID3V1, RATES, Stream, ape_tag, lyrics_tag, music_crc

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.mpeg.report import StreamReport

POLICY = Severities()
STREAM = Stream(seed=5)
FRAMES = STREAM.frames(400)
PLAIN = b"".join(FRAMES)
WHOLE = STREAM.with_header(FRAMES)
LEAD = len(WHOLE) - len(PLAIN)
TAGGED = tag(frame("TIT2", b"\x00Title"), padding=300)
KIB = 1024


def parse(content: bytes, size: int | None = None) -> StreamReport:
    parser, piece_bytes = FrameParser(), size or max(1, len(content))
    for at in range(0, len(content), piece_bytes):
        parser.feed(content[at : at + piece_bytes])
    return parser.finish()


def codes(content: bytes) -> tuple[Outcome, set[str]]:
    findings = find_problems(parse(content), POLICY)
    return outcome(findings), {found.code for found in findings}


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


VBRI = FRAMES[0][:36] + b"VBRI" + bytes(10) + (900).to_bytes(4) + (50).to_bytes(4) + FRAMES[0][54:]


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


@settings(max_examples=100, deadline=None)
@given(
    hole=st.integers(4096, 50_000), behind=st.sampled_from([b"", ID3V1, ape_tag() + ID3V1]), size=st.integers(1, 70_000)
)
def test_unwritten_block_at_the_end_is_detected(hole: int, behind: bytes, size: int) -> None:
    found = find_problems(parse(PLAIN[:-hole] + bytes(hole) + behind, size), POLICY)
    assert [each.code for each in found] == ["zero_hole"]


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


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("way", [["-b", "64"], ["--abr", "56"], ["-V", "5"], ["-b", "64", "-p"]])
def test_no_false_alarm_on_lame(tmp_path: Path, rate: int, way: list[str]) -> None:
    if shutil.which("lame") is None:
        missing("lame")
    sound = random.Random(rate).randbytes(rate * 2)
    for mode in ("m", "s"):
        out = tmp_path / f"{mode}.mp3"
        channels = ["-m", mode] if mode == "m" else ["-m", "j"]
        command = ["lame", "--silent", "-r", "-s", str(rate / 1000), "--resample", str(rate / 1000), *way, *channels]
        subprocess.run([*command, "--tt", "Title", "-", str(out)], input=sound * 2, check=True, capture_output=True)
        content = out.read_bytes()
        report = parse(content, 5000)
        assert [found for found in find_problems(report, POLICY) if found.severity is not Severity.INFO] == []
        for before, behind in AROUND.values():
            around = parse(before + content[report.audio_start : report.audio_end] + behind)
            assert [found for found in find_problems(around, POLICY) if found.severity is not Severity.INFO] == []
            assert around.audio_sha256 == report.audio_sha256
        # A frame of 192 bytes with a CRC has no room for the LAME tag.
        assert grade(report, digest_given=False) is (Grade.PROVEN if report.vbr_header else Grade.STRUCTURAL)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("way", [["-b:a", "64k"], ["-q:a", "5"], ["-b:a", "64k", "-write_xing", "0"]])
def test_no_false_alarm_on_ffmpeg(tmp_path: Path, rate: int, way: list[str]) -> None:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    for channels in ("1", "2"):
        out = tmp_path / f"{channels}.mp3"
        source = ["-f", "lavfi", "-i", f"anoisesrc=r={rate}:d=2:a=0.3"]
        tags = ["-metadata", "title=Title", "-write_id3v1", "1"]
        command = ["ffmpeg", "-v", "error", *source, "-ar", str(rate), "-ac", channels, *way, *tags, str(out)]
        subprocess.run(command, check=True, capture_output=True)
        found = find_problems(parse(out.read_bytes(), 5000), POLICY)
        expected = {"vbr_without_header"} if "-q:a" in way and "0" in way else set()
        assert {each.code for each in found} <= expected, found
