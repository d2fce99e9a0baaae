"""What a walk means: findings, in the order in which they are looked for, and a grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.findings import Finding, Grade, Severities
from media_service.media.signatures import decode_syncsafe

if TYPE_CHECKING:
    from media_service.media.mpeg.report import Gap, StreamReport

MAX_TAG_BYTES = 16 * 1024 * 1024
"""Bytes that a tag in front may have."""

MAX_TRAILING_JUNK_BYTES = 64 * 1024
"""Bytes that may stand behind the last frame."""

HOLE_BYTES = 4096
"""Zeros at the end that are no padding any more: a writer fills up less than a block."""

HOLE_ZERO_SHARE = 0.98
"""The share of zeros in a gap from which it is a hole."""

COUNT_TOLERANCE_FRAMES = 1
"""Frames by which a declared count may differ: some encoders count their own header's frame."""

SIZE_TOLERANCE_BYTES = 4096
"""Bytes by which a declared size may differ."""


def find_early_problems(report: StreamReport, length: int | None, policy: Severities) -> list[Finding]:
    """What the first bytes show already and no later byte can mend. `length` is the announced one."""
    findings = _tag_problems(report, length, policy)
    if report.first is None and report.gave_up_at is not None:
        findings += _no_audio(report, policy)
    return findings


def find_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    """What is found in a whole file, apart from its digests and what is inside its tags."""
    if report.size == 0:
        return [policy.finding("empty")]
    findings = _tag_problems(report, report.size, policy)
    if report.first is None:
        return findings + (_no_audio(report, policy) if not findings or report.gave_up_at is not None else [])
    return [
        *findings,
        *_chain_problems(report, policy),
        *_edge_problems(report, policy),
        *_count_problems(report, policy),
        *_checksum_problems(report, policy),
    ]


def grade(report: StreamReport, *, digest_given: bool) -> Grade:
    """How much is known of a file that was accepted."""
    vbr_header = report.vbr_header
    counted = vbr_header is not None and vbr_header.frames is not None
    met = counted and vbr_header is not None and abs((vbr_header.frames or 0) - report.frames) <= COUNT_TOLERANCE_FRAMES
    if met and (digest_given or _music_matches(report)):
        return Grade.PROVEN
    return Grade.COMPLETE if met else Grade.STRUCTURAL


def _music_matches(report: StreamReport) -> bool:
    vbr_header = report.vbr_header
    if (
        vbr_header is None
        or vbr_header.crc is None
        or vbr_header.music_length is None
        or report.music_crc != vbr_header.crc
    ):
        return False
    return report.vbr_header_start + vbr_header.music_length >= report.audio_end


def _tag_problems(report: StreamReport, length: int | None, policy: Severities) -> list[Finding]:
    findings = []
    leading = [
        tag for tag in report.tags if tag.kind == "id3v2" and (report.first is None or tag.start < report.audio_start)
    ]
    for tag in leading:
        size = tag.stop - tag.start
        if size > MAX_TAG_BYTES:
            findings.append(policy.finding("id3_oversize", offset=tag.start, expected=MAX_TAG_BYTES, actual=size))
        if length is not None and tag.stop > length:
            findings.append(policy.finding("id3_truncated", offset=tag.start, expected=size, actual=length - tag.start))
    if len(leading) > 1:
        findings.append(policy.finding("id3v2_multiple", offset=leading[1].start, expected=1, actual=len(leading)))
    return findings


def _no_audio(report: StreamReport, policy: Severities) -> list[Finding]:
    start = max((tag.stop for tag in report.tags), default=0)
    if report.gave_up_at is None and report.tags:
        return [policy.finding("no_frames", offset=start)]
    if report.detected == "free format":
        return [policy.finding("free_format", offset=start)]
    if report.detected is not None and report.detected.startswith("mpeg layer"):
        return [policy.finding("unsupported_layer", offset=start, expected="layer 3", actual=report.detected)]
    return [policy.finding("not_mpeg_audio", offset=start, expected="mpeg layer 3", actual=report.detected)]


def _chain_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    assert report.first is not None
    findings = [_hole(report, gap, policy) for gap in report.gaps]
    rate = report.first.sample_rate
    findings += [
        policy.finding("format_change", offset=at, expected=rate, actual=header.sample_rate, seconds=_time(report, at))
        for at, header in report.format_changes
    ]
    channels = {header.channels for header in report.headers if header.format == report.first.format}
    if len(channels) > 1:
        findings.append(policy.finding("channels_change", expected=1, actual=2))
    findings += [policy.finding("concatenated", offset=at, seconds=_time(report, at)) for at in report.concatenations]
    return findings


def _time(report: StreamReport, start: int, stop: int | None = None) -> tuple[float | None, float | None]:
    """Where these offsets stand in the playing time, as far as the walk noted it."""
    first, last = (None if at is None else report.times.get(at) for at in (start, stop))
    return None if first is None else round(first, 3), None if last is None else round(last, 3)


def _hole(report: StreamReport, gap: Gap, policy: Severities) -> Finding:
    code = "zero_hole" if gap.zeros >= HOLE_ZERO_SHARE * gap.size else "sync_lost"
    seconds = _time(report, gap.start, gap.stop)
    return policy.finding(code, offset=gap.start, expected="frames", actual=gap.size, seconds=seconds)


def _edge_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    findings = []
    if report.leading_junk_bytes:
        offset = report.audio_start - report.leading_junk_bytes
        findings.append(policy.finding("leading_junk", offset=offset, expected=0, actual=report.leading_junk_bytes))
    if report.gave_up_at is not None and report.trailing is None:
        at, lost = report.gave_up_at, report.gap_bytes
        findings.append(
            policy.finding("sync_lost", offset=at, expected="frames", actual=lost, seconds=_time(report, at))
        )
    findings += [
        policy.finding("trailing_junk", offset=tag.start, expected=tag.stop - tag.start, actual=report.size - tag.start)
        for tag in report.tags
        if tag.start >= report.audio_end and tag.stop > report.size
    ]
    if report.trailing is not None:
        findings.append(_trailing(report, report.trailing, policy))
    if report.truncated is not None:
        offset, expected, actual = report.truncated
        seconds = _time(report, offset)
        cut = policy.finding("truncated_frame", offset=offset, expected=expected, actual=actual, seconds=seconds)
        junk = policy.finding("trailing_junk", offset=offset, expected=0, actual=actual)
        findings.append(junk if _all_there(report) else cut)
    if report.frames < 2:
        findings.append(policy.finding("too_short", offset=report.audio_start, expected=2, actual=report.frames))
    return findings


def _all_there(report: StreamReport) -> bool:
    """Whether a header says how many frames there are, and so many are there."""
    vbr_header = report.vbr_header
    return vbr_header is not None and vbr_header.frames is not None and report.frames >= vbr_header.frames


def _trailing(report: StreamReport, junk: Gap, policy: Severities) -> Finding:
    zeros, seconds = junk.zeros >= HOLE_ZERO_SHARE * junk.size, _time(report, junk.start)
    if report.gave_up_at is not None:
        code = "zero_hole" if zeros else "sync_lost"
        lost = report.size - junk.start
        return policy.finding(code, offset=junk.start, expected="frames", actual=lost, seconds=seconds)
    if zeros and junk.size + report.zeros_before_gap >= HOLE_BYTES and not _all_there(report):
        return policy.finding("zero_hole", offset=junk.start, expected="frames", actual=junk.size, seconds=seconds)
    grave = junk.size > MAX_TRAILING_JUNK_BYTES or junk.foreign is not None
    return policy.finding("trailing_junk", offset=junk.start, expected=0, actual=junk.size, grave=grave)


def _count_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    assert report.first is not None
    vbr_header, findings = report.vbr_header, []
    if vbr_header is None:
        if len({header.bitrate for header in report.headers}) > 1:
            findings.append(policy.finding("vbr_without_header", offset=report.audio_start))
        return findings
    at, frames = report.vbr_header_start, vbr_header.frames
    if frames is not None and abs(frames - report.frames) > COUNT_TOLERANCE_FRAMES:
        code = "xing_frames_fewer" if report.frames < frames else "xing_frames_more"
        seconds = _lengths(report, frames) if report.frames < frames else (None, None)
        findings.append(policy.finding(code, offset=at, expected=frames, actual=report.frames, seconds=seconds))
    size = report.audio_end - at
    if vbr_header.size and abs(vbr_header.size - size) > SIZE_TOLERANCE_BYTES:
        findings.append(policy.finding("xing_bytes_mismatch", offset=at, expected=vbr_header.size, actual=size))
    return findings


def _lengths(report: StreamReport, frames: int) -> tuple[float, float]:
    """Seconds that a file plays, and seconds that it would play with so many frames."""
    assert report.first is not None
    missing = (frames - report.frames) * report.first.samples / report.first.sample_rate
    return round(report.seconds, 3), round(report.seconds + missing, 3)


def _checksum_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    findings, vbr_header = [], report.vbr_header
    if report.crc_bad:
        # An encoder that computes it wrongly does so in every frame; damage does not.
        grave = report.crc_good > 0
        found = policy.finding(
            "frame_crc_mismatch",
            offset=report.crc_bad_at,
            expected=0,
            actual=report.crc_bad,
            seconds=(None, None) if report.crc_bad_at is None else _time(report, report.crc_bad_at),
            grave=grave,
        )
        findings.append(found)
    if vbr_header is not None and vbr_header.crc is not None and report.music_crc not in (None, vbr_header.crc):
        expected, actual = f"{vbr_header.crc:04x}", f"{report.music_crc:04x}"
        findings.append(
            policy.finding("music_crc_mismatch", offset=report.vbr_header_start, expected=expected, actual=actual)
        )
    return findings


def id3v2_body_bytes(head: bytes) -> int:
    """Bytes behind the ten of this ID3v2 header that belong to the tag."""
    return decode_syncsafe(head[6:10])
