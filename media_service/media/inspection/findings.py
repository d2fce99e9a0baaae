"""Findings and grade from the parser's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.findings import Finding, Grade, Severities
from media_service.media.tags.id3v2 import MAX_TAG_BYTES

if TYPE_CHECKING:
    from media_service.media.mpeg.report import Gap, StreamReport

MAX_TRAILING_JUNK_BYTES = 64 * 1024
"""Bytes of trailing junk above which a file is rejected."""

HOLE_BYTES = 4096
"""Trailing NULs from which on they are a hole, not padding: writers pad to less than a block."""

HOLE_ZERO_SHARE = 0.98
"""Share of NULs from which on a gap is a hole."""

SIZE_TOLERANCE_BYTES = 4096
"""Tolerance of a declared size."""


def find_early_problems(report: StreamReport, length: int | None, policy: Severities) -> list[Finding]:
    """Return findings that the first bytes prove and later bytes cannot change. `length` is the announced one."""
    findings = _tag_problems(report, length, policy)
    if report.first_header is None and report.gave_up_at is not None:
        findings += _no_audio_problems(report, policy)
    return findings


def find_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    """Return the findings of a whole file, without those of its digests and of the contents of its tags."""
    if report.size == 0:
        return [policy.finding("empty")]
    findings = _tag_problems(report, report.size, policy)
    if report.first_header is None:
        return findings + (_no_audio_problems(report, policy) if not findings or report.gave_up_at is not None else [])
    return [
        *findings,
        *_chain_problems(report, policy),
        *_edge_problems(report, policy),
        *_count_problems(report, policy),
        *_checksum_problems(report, policy),
    ]


def grade(report: StreamReport, *, digest_given: bool) -> Grade:
    """Return the grade of an accepted file."""
    if report.count_matches and (digest_given or _music_matches(report)):
        return Grade.PROVEN
    return Grade.COMPLETE if report.count_matches else Grade.STRUCTURAL


def _music_matches(report: StreamReport) -> bool:
    vbr_header = report.vbr_header
    if vbr_header is None or vbr_header.crc is None or report.music_crc != vbr_header.crc:
        return False
    return report.vbr_header_start + (vbr_header.music_length or 0) >= report.audio_end


def _tag_problems(report: StreamReport, length: int | None, policy: Severities) -> list[Finding]:
    findings = []
    leading = [
        tag
        for tag in report.tags
        if tag.kind == "id3v2" and (report.first_header is None or tag.start < report.audio_start)
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


def _no_audio_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    start = max((tag.stop for tag in report.tags), default=0)
    if report.gave_up_at is None and report.tags:
        return [policy.finding("no_frames", offset=start)]
    if report.detected == "free format":
        return [policy.finding("free_format", offset=start)]
    if report.detected is not None and report.detected.startswith("mpeg layer"):
        return [policy.finding("unsupported_layer", offset=start, expected="layer 3", actual=report.detected)]
    return [policy.finding("not_mpeg_audio", offset=start, expected="mpeg layer 3", actual=report.detected)]


def _chain_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    assert report.first_header is not None
    findings = [_gap_finding(report, gap, policy) for gap in report.gaps]
    rate = report.first_header.sample_rate
    findings += [
        policy.finding(
            "format_change", offset=offset, expected=rate, actual=header.sample_rate, seconds=_time(report, offset)
        )
        for offset, header in report.format_changes
    ]
    channels = {header.channels for header in report.headers if header.format == report.first_header.format}
    if len(channels) > 1:
        findings.append(policy.finding("channels_change", expected=1, actual=2))
    findings += [
        policy.finding("concatenated", offset=offset, seconds=_time(report, offset)) for offset in report.concatenations
    ]
    return findings


def _time(report: StreamReport, start: int, stop: int | None = None) -> tuple[float | None, float | None]:
    """Return the playing times of these offsets in seconds, if they were recorded."""
    start_seconds, stop_seconds = (None if offset is None else report.times.get(offset) for offset in (start, stop))
    return None if start_seconds is None else round(start_seconds, 3), None if stop_seconds is None else round(
        stop_seconds, 3
    )


def _gap_finding(report: StreamReport, gap: Gap, policy: Severities) -> Finding:
    code = "zero_hole" if gap.zeros >= HOLE_ZERO_SHARE * gap.size else "sync_lost"
    seconds = _time(report, gap.start, gap.stop)
    return policy.finding(code, offset=gap.start, expected="frames", actual=gap.size, seconds=seconds)


def _edge_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    findings = []
    if report.leading_junk_bytes:
        offset = report.audio_start - report.leading_junk_bytes
        findings.append(policy.finding("leading_junk", offset=offset, expected=0, actual=report.leading_junk_bytes))
    if report.gave_up_at is not None and report.trailing_junk is None:
        offset, lost_bytes = report.gave_up_at, report.gap_bytes
        findings.append(
            policy.finding(
                "sync_lost", offset=offset, expected="frames", actual=lost_bytes, seconds=_time(report, offset)
            )
        )
    findings += [
        policy.finding("trailing_junk", offset=tag.start, expected=tag.stop - tag.start, actual=report.size - tag.start)
        for tag in report.tags
        if tag.start >= report.audio_end and tag.stop > report.size
    ]
    if report.trailing_junk is not None:
        findings.append(_trailing_finding(report, report.trailing_junk, policy))
    if report.truncated is not None:
        offset, expected, actual = report.truncated
        seconds = _time(report, offset)
        cut_frame = policy.finding("truncated_frame", offset=offset, expected=expected, actual=actual, seconds=seconds)
        junk = policy.finding("trailing_junk", offset=offset, expected=0, actual=actual)
        findings.append(junk if _has_declared_frames(report) else cut_frame)
    if report.frames < 2:
        findings.append(policy.finding("too_short", offset=report.audio_start, expected=2, actual=report.frames))
    return findings


def _has_declared_frames(report: StreamReport) -> bool:
    """Return whether the VBR header declares a frame count, and as many frames are there."""
    return report.declared_frames is not None and report.frames >= report.declared_frames


def _trailing_finding(report: StreamReport, junk: Gap, policy: Severities) -> Finding:
    is_hole, seconds = junk.zeros >= HOLE_ZERO_SHARE * junk.size, _time(report, junk.start)
    if report.gave_up_at is not None:
        code = "zero_hole" if is_hole else "sync_lost"
        lost_bytes = report.size - junk.start
        return policy.finding(code, offset=junk.start, expected="frames", actual=lost_bytes, seconds=seconds)
    if is_hole and junk.size + report.zeros_before_gap >= HOLE_BYTES and not _has_declared_frames(report):
        return policy.finding("zero_hole", offset=junk.start, expected="frames", actual=junk.size, seconds=seconds)
    grave = junk.size > MAX_TRAILING_JUNK_BYTES or junk.foreign is not None
    return policy.finding("trailing_junk", offset=junk.start, expected=0, actual=junk.size, grave=grave)


def _count_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    assert report.first_header is not None
    vbr_header, findings = report.vbr_header, []
    if vbr_header is None:
        if len({header.bitrate for header in report.headers}) > 1:
            findings.append(policy.finding("vbr_without_header", offset=report.audio_start))
        return findings
    start, frames = report.vbr_header_start, vbr_header.frames
    if frames is not None and not report.count_matches:
        code = "xing_frames_fewer" if report.frames < frames else "xing_frames_more"
        seconds = _durations(report, frames) if report.frames < frames else (None, None)
        findings.append(policy.finding(code, offset=start, expected=frames, actual=report.frames, seconds=seconds))
    size = report.audio_end - start
    if vbr_header.size and abs(vbr_header.size - size) > SIZE_TOLERANCE_BYTES:
        findings.append(policy.finding("xing_bytes_mismatch", offset=start, expected=vbr_header.size, actual=size))
    return findings


def _durations(report: StreamReport, frames: int) -> tuple[float, float]:
    """Return the actual duration in seconds, and that with the declared number of frames."""
    assert report.first_header is not None
    missing = (frames - report.frames) * report.first_header.samples / report.first_header.sample_rate
    return round(report.seconds, 3), round(report.seconds + missing, 3)


def _checksum_problems(report: StreamReport, policy: Severities) -> list[Finding]:
    findings, vbr_header = [], report.vbr_header
    if report.crc_bad:
        # An encoder with a wrong CRC has it in every frame; damage affects some.
        offset, grave = report.crc_bad_at, report.crc_good > 0
        seconds = (None, None) if offset is None else _time(report, offset)
        findings.append(
            policy.finding(
                "frame_crc_mismatch", offset=offset, expected=0, actual=report.crc_bad, seconds=seconds, grave=grave
            )
        )
    if vbr_header is not None and vbr_header.crc is not None and report.music_crc not in (None, vbr_header.crc):
        expected, actual = f"{vbr_header.crc:04x}", f"{report.music_crc:04x}"
        findings.append(
            policy.finding("music_crc_mismatch", offset=report.vbr_header_start, expected=expected, actual=actual)
        )
    return findings
