"""The walk's end: tags that are told by their end alone, a frame that was begun, and junk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.report import Gap, TagSpan
from media_service.media.signatures import ID3V1_BYTES, ape_tag_bytes, detect_container, find_trailing_tags

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState


def end_in_gap(state: ParserState) -> None:
    """The file ends without another frame: tags that are told by their end, and junk before them."""
    report, start = state.report, state.position
    tag_start = report.size - ID3V1_BYTES
    if _ends_in_id3v1(state) and state.previous_frame < tag_start < start:
        # The last frame's missing end was taken from the tag behind it.
        report.truncated = state.previous_frame, start - state.previous_frame, tag_start - state.previous_frame
        state.record_time(state.previous_frame)
        report.tags.append(TagSpan("id3v1", tag_start, report.size))
        return
    stop, tags = find_trailing_tags(state.buffer, start - state.base)
    report.tags += [TagSpan(kind, state.base + begin, state.base + end) for kind, begin, end in tags]
    junk = state.buffer[start - state.base : stop]
    partial_frame_length = state.header_cache.partial_frame_length(junk)
    state.record_time(start)
    if partial_frame_length is not None:
        report.truncated = start, partial_frame_length, len(junk)
    elif junk:
        report.zeros_before_gap = min(start - state.previous_frame, state.zeros_before(start))
        report.trailing = Gap(start, state.base + stop, junk.count(0), detect_container(junk[:64]))


def recover_headerless_ape_tag(state: ParserState, start: int) -> None:
    """What was given up on may be one long tag that only its end tells: an APE tag without a header."""
    report = state.report
    id3v1 = report.size - ID3V1_BYTES if _ends_in_id3v1(state) else report.size
    footer = state.tail[: len(state.tail) - (report.size - id3v1)][-32:]
    if ape_tag_bytes(footer) == id3v1 - start:
        report.gave_up_at = report.trailing = None
        state.record_tag("ape", start, id3v1)
        if id3v1 < report.size:
            state.record_tag("id3v1", id3v1, report.size)


def _ends_in_id3v1(state: ParserState) -> bool:
    return state.tail[-ID3V1_BYTES:].startswith(b"TAG")
