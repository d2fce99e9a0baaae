"""The phases after the chain of frames breaks: at a tag, another stream, or damage; resync finds the next frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.end_of_stream import end_in_gap
from media_service.media.mpeg.header import FRAME_HEADER_BYTES, FrameHeader, parse_header
from media_service.media.mpeg.report import MAX_RECORDED, Gap
from media_service.media.mpeg.state import MIN_CHAIN_FRAMES, Phase
from media_service.media.signatures import TAG_PROBE_BYTES, detect_container, detect_tag

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState

MAX_GAP_BYTES = 1024 * 1024
"""Bytes without a frame after which the parser gives up: such a file is rejected anyway."""

MAX_TOTAL_GAP_BYTES, MAX_GAPS = 4 * MAX_GAP_BYTES, 1024
"""Total bytes without a frame, and number of gaps, after which the parser gives up: resync is slow."""

LYRICS3_PROBE_BYTES = 64 * 1024
"""Bytes searched for the end of a Lyrics3 tag, which states no size at its beginning."""


def handle_break(state: ParserState) -> bool:
    """Decide what follows the chain: the end, a tag, another stream, or damage."""
    offset, size = state.position, state.report.size
    if offset >= size:
        state.wanted_size = offset + TAG_PROBE_BYTES
        return False
    if state.must_wait_for(offset + TAG_PROBE_BYTES):
        return False
    if state.peek(11) == b"LYRICSBEGIN" and state.must_wait_for(min(offset + LYRICS3_PROBE_BYTES, _lyrics_stop(state))):
        return False
    tag = detect_tag(state.buffer, offset - state.base)
    if tag is None:
        return _try_other_format(state)
    state.record_tag(tag[0], offset, offset + tag[1])
    state.position += tag[1]
    state.after_tag = True
    return True


def _lyrics_stop(state: ParserState) -> int:
    """Return the offset up to which bytes are needed to find the end of a Lyrics3 tag."""
    tag = detect_tag(state.buffer, state.position - state.base)
    return state.report.size if tag is not None else state.position + LYRICS3_PROBE_BYTES


def _try_other_format(state: ParserState) -> bool:
    header = parse_header(state.peek(FRAME_HEADER_BYTES))
    if header is not None and header.layer == 3:
        count, needed, stop = state.measure_chain(state.position, header)
        if needed is not None and state.must_wait_for(needed):
            return False
        if count >= MIN_CHAIN_FRAMES or (count >= 2 and state.ends_at_tag_or_end(stop)):
            return _resume(state, header)
    state.search_position = state.position
    state.phase = Phase.RESYNC
    return True


def _resume(state: ParserState, header: FrameHeader) -> bool:
    """Continue after a tag, or with frames of another format."""
    report = state.report
    if header.format != state.header_cache.first_header.format:
        report.format_changes.append((state.position, header))
        state.record_time(state.position)
        if len(report.format_changes) > MAX_RECORDED:
            return state.give_up(state.position)
        state.close_section()
        state.start_format(header)
    elif state.after_tag:
        state.record_concatenation()
    state.after_tag = False
    state.previous_frame = state.position
    state.phase = Phase.FRAME_CHAIN
    return True


def resync(state: ParserState) -> bool:
    """Search the next frames after damage."""
    size, base, offset = state.report.size, state.base, state.search_position
    while (match := state.header_cache.sync_pattern.search(state.buffer, offset - base)) is not None:
        offset = base + match.start()
        # Decided by the offset, not by the bytes so far: the size of pieces must not change the report.
        if _gap_too_long(state, offset):
            return False
        count, needed, stop = state.measure_chain(offset, state.header_cache.first_header)
        if needed is not None and state.must_wait_for(needed):
            state.search_position = offset
            return False
        if count >= MIN_CHAIN_FRAMES or (count >= 2 and state.final and stop >= size):
            return _resume_after_gap(state, offset)
        offset += 1
    state.search_position = max(offset, size - FRAME_HEADER_BYTES + 1, state.position)
    if state.final:
        end_in_gap(state)
        return False
    state.wanted_size = size + 4096
    _gap_too_long(state, state.search_position)
    return False


def _gap_too_long(state: ParserState, offset: int) -> bool:
    """Return whether a frame at `offset` is too far away; if so, give up."""
    too_late = offset - state.position > MAX_GAP_BYTES
    if too_late:
        state.record_time(state.position)
        state.report.trailing_junk = Gap(
            state.position, state.position + MAX_GAP_BYTES, state.peek(MAX_GAP_BYTES).count(0)
        )
        state.give_up(state.position)
    return too_late


def _resume_after_gap(state: ParserState, offset: int) -> bool:
    report = state.report
    _record_gap(state, offset)
    if report.gap_bytes > MAX_TOTAL_GAP_BYTES or report.gap_count > MAX_GAPS:
        return state.give_up(offset)
    state.position = state.previous_frame = offset
    state.after_tag = False
    state.phase = Phase.FRAME_CHAIN
    return True


def _record_gap(state: ParserState, stop: int) -> None:
    report, start = state.report, state.position
    state.record_time(start)
    report.gap_bytes += stop - start
    report.gap_count += 1
    state.record_time(stop, stop - start)
    if len(report.gaps) < MAX_RECORDED:
        gap = state.peek(stop - start)
        report.gaps.append(Gap(start, stop, gap.count(0), detect_container(gap[:64])))
