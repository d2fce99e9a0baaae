"""The walk from frame to frame, as long as each header leads to the next.

Where many frames lie ahead, a regular expression made of the known headers passes over them by the stride.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import (
    EMPTY_SIDE_INFO,
    FRAME_HEADER_BYTES,
    VBR_HEADER_IDS,
    FrameHeader,
    frame_crc,
    parse_header,
    read_vbr_header,
)
from media_service.media.mpeg.header_cache import STRIDE_FRAMES
from media_service.media.mpeg.state import Phase

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState

MIN_STRIDE_BYTES = 64 * 1024
"""Bytes ahead from which a stride is worth while."""


def follow_chain(state: ParserState) -> bool:
    """Goes from header to header."""
    _skip_strides(state)
    _skip_known_frames(state)
    while _inspect_frame(state):
        _skip_known_frames(state)
    return _stop_at_end(state)


def _skip_strides(state: ParserState) -> None:
    """Passes over as many whole strides of known frames as there are, but for the last: it is left to be walked header
    by header, so that it is known where a frame began."""
    buffer, at = state.buffer, state.position - state.base
    stride_pattern = state.header_cache.stride_pattern() if len(buffer) - at >= MIN_STRIDE_BYTES else None
    if stride_pattern is None:
        return
    match, strides, behind = stride_pattern.match, 0, at
    while (found := match(buffer, at)) is not None:
        behind, at = at, found.end()
        strides += 1
    state.position = state.base + behind
    state.count_frames(STRIDE_FRAMES * max(0, strides - 1))


def _skip_known_frames(state: ParserState) -> None:
    """Passes over known frames, one by one, up to one that must be looked at."""
    buffer, known = state.buffer, state.header_cache
    lengths, place = known.lengths, known.id_offset
    at, previous, count = state.position - state.base, state.previous_frame - state.base, 0
    # A subscript that fails once a piece costs less than a call that succeeds each time.
    with suppress(KeyError):
        while True:
            length = lengths[buffer[at : at + 4]]
            if buffer[at + place : at + place + 4] in VBR_HEADER_IDS:
                break
            previous = at
            at += length
            count += 1
    if count and not state.final and previous + place + 4 > len(buffer):
        # Its name, if it has one, has not come.
        at, count = previous, count - 1
    state.count_frames(count)
    state.previous_frame, state.position = state.base + previous, state.base + at


def _inspect_frame(state: ParserState) -> bool:
    """Passes over one frame that is not known, has a CRC of its own, or may be another file's first."""
    key = state.peek(FRAME_HEADER_BYTES)
    if len(key) < FRAME_HEADER_BYTES:
        return False
    if not state.header_cache.contains(key):
        return _add_header(state, key)
    header = parse_header(key)
    assert header is not None
    if (
        state.must_wait_for(state.position + header.length)
        or state.position + 6 + header.side_info_bytes > state.report.size
    ):
        return False
    frame = state.peek(header.length)
    if (
        len(frame) == header.length
        and frame[FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + 4] == EMPTY_SIDE_INFO
        and read_vbr_header(frame, header) is not None
    ):
        state.record_concatenation()
    else:
        if header.protected:
            _check_crc(state, state.position - state.base, header)
        state.count_frames(1)
    state.previous_frame = state.position
    state.position += header.length
    return True


def _add_header(state: ParserState, key: bytes) -> bool:
    """Looks at a header that is new; False when it does not fit the stream."""
    header = state.header_cache.add(key)
    if header is None:
        return False
    state.report.headers.add(header)
    return True


def _check_crc(state: ParserState, at: int, header: FrameHeader) -> None:
    report, buffer = state.report, state.buffer
    stated = buffer[at + 4] << 8 | buffer[at + 5]
    if frame_crc(buffer[at + 2 : at + 4] + buffer[at + 6 : at + 6 + header.side_info_bytes]) == stated:
        report.crc_good += 1
    else:
        report.crc_bad += 1
        if report.crc_bad_at is None:
            report.crc_bad_at = state.base + at
            state.record_time(report.crc_bad_at)


def _stop_at_end(state: ParserState) -> bool:
    """At the end of what has come, or of the chain."""
    report = state.report
    cut = state.position > report.size
    whole = state.previous_frame if cut else state.position
    state.hash_up_to(whole)
    if whole > report.audio_end:
        state.audio.mark()
        report.audio_end = whole
    if cut:
        return _handle_cut_frame(state)
    key = state.peek(FRAME_HEADER_BYTES)
    header = parse_header(key) if state.header_cache.contains(key) else None
    if not state.final and (len(key) < FRAME_HEADER_BYTES or header is not None):
        state.wanted_size = state.position + (FRAME_HEADER_BYTES if header is None else header.length)
        return False
    if header is not None:
        # Not even its side information came.
        report.truncated = state.position, header.length, report.size - state.position
        state.record_time(state.position)
        return False
    state.phase = Phase.CHAIN_BREAK
    return True


def _handle_cut_frame(state: ParserState) -> bool:
    """The last frame is not whole, or not yet."""
    report = state.report
    state.wanted_size = state.position + FRAME_HEADER_BYTES
    if state.final:
        state.count_frames(-1)
        report.truncated = (
            state.previous_frame,
            state.position - state.previous_frame,
            report.size - state.previous_frame,
        )
        state.record_time(state.previous_frame)
    return False
