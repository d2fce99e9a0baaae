"""The walk where the chain breaks: a tag, another stream, or damage, behind which the frames go on."""

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
"""Bytes without a frame after which the walk gives up; what follows could not save the file."""

MAX_TOTAL_GAP_BYTES, MAX_GAPS = 4 * MAX_GAP_BYTES, 1024
"""Bytes without a frame, taken together, and gaps, after which the walk gives up: looking for frames is dear."""

LYRICS3_PROBE_BYTES = 64 * 1024
"""Bytes of a Lyrics3 tag, which is told by its end alone."""


def handle_break(state: ParserState) -> bool:
    """No frame follows: the end, a tag, another stream, or damage."""
    at, size = state.position, state.report.size
    if at >= size:
        state.wanted_size = at + TAG_PROBE_BYTES
        return False
    if state.must_wait_for(at + TAG_PROBE_BYTES):
        return False
    if state.peek(11) == b"LYRICSBEGIN" and state.must_wait_for(min(at + LYRICS3_PROBE_BYTES, _lyrics_stop(state))):
        return False
    found = detect_tag(state.buffer, at - state.base)
    if found is None:
        return _try_other_format(state)
    state.record_tag(found[0], at, at + found[1])
    state.position += found[1]
    state.after_tag = True
    return True


def _lyrics_stop(state: ParserState) -> int:
    """As far as a Lyrics3 tag must be here: up to its end, where that is seen already."""
    found = detect_tag(state.buffer, state.position - state.base)
    return state.report.size if found is not None else state.position + LYRICS3_PROBE_BYTES


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
    """Frames follow what is no frame, or frames of another format."""
    report = state.report
    if header.format != state.header_cache.first.format:
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
    """Looks for where the frames go on behind damage."""
    size, base, place = state.report.size, state.base, state.search_position
    while (match := state.header_cache.sync_pattern.search(state.buffer, place - base)) is not None:
        place = base + match.start()
        # Asked of the place, not of what has come: the pieces must make no difference.
        if _gap_too_long(state, place):
            return False
        count, needed, stop = state.measure_chain(place, state.header_cache.first)
        if needed is not None and state.must_wait_for(needed):
            state.search_position = place
            return False
        if count >= MIN_CHAIN_FRAMES or (count >= 2 and state.final and stop >= size):
            return _resume_after_gap(state, place)
        place += 1
    state.search_position = max(place, size - FRAME_HEADER_BYTES + 1, state.position)
    if state.final:
        end_in_gap(state)
        return False
    state.wanted_size = size + 4096
    _gap_too_long(state, state.search_position)
    return False


def _gap_too_long(state: ParserState, place: int) -> bool:
    """Whether a frame at this place would come too late; then the walk gives up."""
    late = place - state.position > MAX_GAP_BYTES
    if late:
        state.record_time(state.position)
        state.report.trailing = Gap(state.position, state.position + MAX_GAP_BYTES, state.peek(MAX_GAP_BYTES).count(0))
        state.give_up(state.position)
    return late


def _resume_after_gap(state: ParserState, place: int) -> bool:
    report = state.report
    _record_gap(state, place)
    if report.gap_bytes > MAX_TOTAL_GAP_BYTES or report.gap_count > MAX_GAPS:
        return state.give_up(place)
    state.position = state.previous_frame = place
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
        inside = state.peek(stop - start)
        report.gaps.append(Gap(start, stop, inside.count(0), detect_container(inside[:64])))
