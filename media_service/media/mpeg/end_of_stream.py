"""The end of the file: trailing tags, an incomplete last frame, and junk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.report import Gap, TagSpan
from media_service.media.signatures import ID3V1_BYTES, ape_tag_bytes, detect_container, find_trailing_tags

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState


def end_in_gap(state: ParserState) -> None:
    """Record what follows the last frame if no other frame does: trailing tags, and junk before them."""
    report, start = state.report, state.position
    id3v1_start = report.size - ID3V1_BYTES
    if _ends_in_id3v1(state) and state.previous_frame < id3v1_start < start:
        # By its length the last frame would end within the ID3v1 tag, so it is cut.
        report.truncated = state.previous_frame, start - state.previous_frame, id3v1_start - state.previous_frame
        state.record_time(state.previous_frame)
        report.tags.append(TagSpan("id3v1", id3v1_start, report.size))
        return
    stop, tags = find_trailing_tags(state.buffer, start - state.base)
    report.tags += [TagSpan(kind, state.base + tag_start, state.base + tag_stop) for kind, tag_start, tag_stop in tags]
    junk = state.buffer[start - state.base : stop]
    partial_frame_length = state.header_cache.partial_frame_length(junk)
    state.record_time(start)
    if partial_frame_length is not None:
        report.truncated = start, partial_frame_length, len(junk)
    elif junk:
        report.zeros_before_gap = min(start - state.previous_frame, state.zeros_before(start))
        report.trailing_junk = Gap(start, state.base + stop, junk.count(0), detect_container(junk[:64]))


def recover_headerless_ape_tag(state: ParserState, start: int) -> None:
    """Accept a gap at which the parser gave up if it is an APE tag with a footer only."""
    report = state.report
    id3v1_start = report.size - ID3V1_BYTES if _ends_in_id3v1(state) else report.size
    footer = state.tail[: len(state.tail) - (report.size - id3v1_start)][-32:]
    if ape_tag_bytes(footer) == id3v1_start - start:
        report.gave_up_at = report.trailing_junk = None
        state.record_tag("ape", start, id3v1_start)
        if id3v1_start < report.size:
            state.record_tag("id3v1", id3v1_start, report.size)


def _ends_in_id3v1(state: ParserState) -> bool:
    return state.tail[-ID3V1_BYTES:].startswith(b"TAG")
