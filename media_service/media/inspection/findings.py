"""What a walk means: findings, in the order in which they are looked for, and a grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.findings import Finding, Grade, Severities
from media_service.media.signatures import syncsafe

if TYPE_CHECKING:
    from media_service.media.mpeg.report import Gap, Walk

TAG_LIMIT = 16 * 1024 * 1024
"""Bytes that a tag in front may have."""

JUNK = 64 * 1024
"""Bytes that may stand behind the last frame."""

PADDED = 4096
"""Zeros at the end that are no padding any more: a writer fills up less than a block."""

ZEROS = 0.98
"""The share of zeros in a gap from which it is a hole."""

COUNT_TOLERANCE = 1
"""Frames by which a declared count may differ: some encoders count their own header's frame."""

SIZE_TOLERANCE = 4096
"""Bytes by which a declared size may differ."""


def hopeless(walk: Walk, length: int | None, policy: Severities) -> list[Finding]:
    """What the first bytes show already and no later byte can mend. `length` is the announced one."""
    findings = _tag_sizes(walk, length, policy)
    if walk.first is None and walk.gave_up is not None:
        findings += _no_audio(walk, policy)
    return findings


def judge(walk: Walk, policy: Severities) -> list[Finding]:
    """What is found in a whole file, apart from its digests and what is inside its tags."""
    if walk.size == 0:
        return [policy.finding("empty")]
    findings = _tag_sizes(walk, walk.size, policy)
    if walk.first is None:
        return findings + (_no_audio(walk, policy) if not findings or walk.gave_up is not None else [])
    return [
        *findings,
        *_chain(walk, policy),
        *_edges(walk, policy),
        *_counts(walk, policy),
        *_checksums(walk, policy),
    ]


def grade(walk: Walk, *, digest_given: bool) -> Grade:
    """How much is known of a file that was accepted."""
    declared = walk.declared
    counted = declared is not None and declared.frames is not None
    met = counted and declared is not None and abs((declared.frames or 0) - walk.frames) <= COUNT_TOLERANCE
    if met and (digest_given or _music_matches(walk)):
        return Grade.PROVEN
    return Grade.COMPLETE if met else Grade.STRUCTURAL


def _music_matches(walk: Walk) -> bool:
    declared = walk.declared
    if declared is None or declared.crc is None or declared.music is None or walk.music_crc != declared.crc:
        return False
    return walk.info_start + declared.music >= walk.audio_end


def _tag_sizes(walk: Walk, length: int | None, policy: Severities) -> list[Finding]:
    findings = []
    leading = [tag for tag in walk.tags if tag.kind == "id3v2" and (walk.first is None or tag.start < walk.audio_start)]
    for tag in leading:
        size = tag.stop - tag.start
        if size > TAG_LIMIT:
            findings.append(policy.finding("id3_oversize", offset=tag.start, expected=TAG_LIMIT, actual=size))
        if length is not None and tag.stop > length:
            findings.append(policy.finding("id3_truncated", offset=tag.start, expected=size, actual=length - tag.start))
    if len(leading) > 1:
        findings.append(policy.finding("id3v2_multiple", offset=leading[1].start, expected=1, actual=len(leading)))
    return findings


def _no_audio(walk: Walk, policy: Severities) -> list[Finding]:
    start = max((tag.stop for tag in walk.tags), default=0)
    if walk.gave_up is None and walk.tags:
        return [policy.finding("no_frames", offset=start)]
    if walk.detected == "free format":
        return [policy.finding("free_format", offset=start)]
    if walk.detected is not None and walk.detected.startswith("mpeg layer"):
        return [policy.finding("unsupported_layer", offset=start, expected="layer 3", actual=walk.detected)]
    return [policy.finding("not_mpeg_audio", offset=start, expected="mpeg layer 3", actual=walk.detected)]


def _chain(walk: Walk, policy: Severities) -> list[Finding]:
    assert walk.first is not None
    findings = [_hole(walk, gap, policy) for gap in walk.gaps]
    rate = walk.first.sample_rate
    findings += [
        policy.finding("format_change", offset=at, expected=rate, actual=header.sample_rate, seconds=_time(walk, at))
        for at, header in walk.changes
    ]
    channels = {header.channels for header in walk.headers if header.format == walk.first.format}
    if len(channels) > 1:
        findings.append(policy.finding("channels_change", expected=1, actual=2))
    findings += [policy.finding("concatenated", offset=at, seconds=_time(walk, at)) for at in walk.joins]
    return findings


def _time(walk: Walk, start: int, stop: int | None = None) -> tuple[float | None, float | None]:
    """Where these offsets stand in the playing time, as far as the walk noted it."""
    first, last = (None if at is None else walk.times.get(at) for at in (start, stop))
    return None if first is None else round(first, 3), None if last is None else round(last, 3)


def _hole(walk: Walk, gap: Gap, policy: Severities) -> Finding:
    code = "zero_hole" if gap.zeros >= ZEROS * gap.size else "sync_lost"
    seconds = _time(walk, gap.start, gap.stop)
    return policy.finding(code, offset=gap.start, expected="frames", actual=gap.size, seconds=seconds)


def _edges(walk: Walk, policy: Severities) -> list[Finding]:
    findings = []
    if walk.junk_before:
        offset = walk.audio_start - walk.junk_before
        findings.append(policy.finding("leading_junk", offset=offset, expected=0, actual=walk.junk_before))
    if walk.gave_up is not None and walk.trailing is None:
        at, lost = walk.gave_up, walk.gap_bytes
        findings.append(policy.finding("sync_lost", offset=at, expected="frames", actual=lost, seconds=_time(walk, at)))
    findings += [
        policy.finding("trailing_junk", offset=tag.start, expected=tag.stop - tag.start, actual=walk.size - tag.start)
        for tag in walk.tags
        if tag.start >= walk.audio_end and tag.stop > walk.size
    ]
    if walk.trailing is not None:
        findings.append(_trailing(walk, walk.trailing, policy))
    if walk.truncated is not None:
        offset, expected, actual = walk.truncated
        seconds = _time(walk, offset)
        cut = policy.finding("truncated_frame", offset=offset, expected=expected, actual=actual, seconds=seconds)
        junk = policy.finding("trailing_junk", offset=offset, expected=0, actual=actual)
        findings.append(junk if _all_there(walk) else cut)
    if walk.frames < 2:
        findings.append(policy.finding("too_short", offset=walk.audio_start, expected=2, actual=walk.frames))
    return findings


def _all_there(walk: Walk) -> bool:
    """Whether a header says how many frames there are, and so many are there."""
    declared = walk.declared
    return declared is not None and declared.frames is not None and walk.frames >= declared.frames


def _trailing(walk: Walk, junk: Gap, policy: Severities) -> Finding:
    zeros, seconds = junk.zeros >= ZEROS * junk.size, _time(walk, junk.start)
    if walk.gave_up is not None:
        code = "zero_hole" if zeros else "sync_lost"
        lost = walk.size - junk.start
        return policy.finding(code, offset=junk.start, expected="frames", actual=lost, seconds=seconds)
    if zeros and junk.size + walk.zeros_before >= PADDED and not _all_there(walk):
        return policy.finding("zero_hole", offset=junk.start, expected="frames", actual=junk.size, seconds=seconds)
    grave = junk.size > JUNK or junk.foreign is not None
    return policy.finding("trailing_junk", offset=junk.start, expected=0, actual=junk.size, grave=grave)


def _counts(walk: Walk, policy: Severities) -> list[Finding]:
    assert walk.first is not None
    declared, findings = walk.declared, []
    if declared is None:
        if len({header.bitrate for header in walk.headers}) > 1:
            findings.append(policy.finding("vbr_without_header", offset=walk.audio_start))
        return findings
    at, frames = walk.info_start, declared.frames
    if frames is not None and abs(frames - walk.frames) > COUNT_TOLERANCE:
        code = "xing_frames_fewer" if walk.frames < frames else "xing_frames_more"
        seconds = _lengths(walk, frames) if walk.frames < frames else (None, None)
        findings.append(policy.finding(code, offset=at, expected=frames, actual=walk.frames, seconds=seconds))
    size = walk.audio_end - at
    if declared.size and abs(declared.size - size) > SIZE_TOLERANCE:
        findings.append(policy.finding("xing_bytes_mismatch", offset=at, expected=declared.size, actual=size))
    return findings


def _lengths(walk: Walk, frames: int) -> tuple[float, float]:
    """Seconds that a file plays, and seconds that it would play with so many frames."""
    assert walk.first is not None
    missing = (frames - walk.frames) * walk.first.samples / walk.first.sample_rate
    return round(walk.seconds, 3), round(walk.seconds + missing, 3)


def _checksums(walk: Walk, policy: Severities) -> list[Finding]:
    findings, declared = [], walk.declared
    if walk.crc_bad:
        # An encoder that computes it wrongly does so in every frame; damage does not.
        grave = walk.crc_good > 0
        found = policy.finding(
            "frame_crc_mismatch",
            offset=walk.crc_bad_at,
            expected=0,
            actual=walk.crc_bad,
            seconds=(None, None) if walk.crc_bad_at is None else _time(walk, walk.crc_bad_at),
            grave=grave,
        )
        findings.append(found)
    if declared is not None and declared.crc is not None and walk.music_crc not in (None, declared.crc):
        expected, actual = f"{declared.crc:04x}", f"{walk.music_crc:04x}"
        findings.append(policy.finding("music_crc_mismatch", offset=walk.info_start, expected=expected, actual=actual))
    return findings


def tag_size(head: bytes) -> int:
    """Bytes behind the ten of this ID3v2 header that belong to the tag."""
    return syncsafe(head[6:10])
