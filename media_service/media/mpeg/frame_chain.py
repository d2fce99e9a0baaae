"""The phase from frame to frame, as long as each header leads to the next.

If many frames are buffered, a regular expression of the known headers skips `STRIDE_FRAMES` at a time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from fastcrc import crc16

from media_service.media.mpeg.header import FRAME_HEADER_BYTES, FrameHeader, parse_header
from media_service.media.mpeg.header_cache import STRIDE_FRAMES
from media_service.media.mpeg.state import Phase
from media_service.media.mpeg.vbr_header import EMPTY_SIDE_INFO, VBR_HEADER_IDS, read_vbr_header

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState

MIN_STRIDE_BYTES = 64 * 1024
"""Buffered bytes from which on strides are tried."""


def follow_chain(state: ParserState) -> bool:
    """Follow the chain as far as bytes are buffered."""
    _skip_strides(state)
    _skip_known_frames(state)
    while _inspect_frame(state):
        _skip_known_frames(state)
    return _stop_at_end(state)


def _skip_strides(state: ParserState) -> None:
    """Skip all strides of known frames but the last: the offset of the last frame is needed."""
    buffer, index = state.buffer, state.position - state.base
    stride_pattern = state.header_cache.stride_pattern() if len(buffer) - index >= MIN_STRIDE_BYTES else None
    if stride_pattern is None:
        return
    match, strides, last_start = stride_pattern.match, 0, index
    while (stride := match(buffer, index)) is not None:
        last_start, index = index, stride.end()
        strides += 1
    state.position = state.base + last_start
    state.count_frames(STRIDE_FRAMES * max(0, strides - 1))


def _skip_known_frames(state: ParserState) -> None:
    """Skip known frames one by one, up to one that must be inspected."""
    buffer, cache = state.buffer, state.header_cache
    lengths, id_offset = cache.lengths, cache.id_offset
    index, previous, count = state.position - state.base, state.previous_frame - state.base, 0
    # One failed lookup per piece costs less than a `get` per frame.
    with suppress(KeyError):
        while True:
            length = lengths[buffer[index : index + 4]]
            if buffer[index + id_offset : index + id_offset + 4] in VBR_HEADER_IDS:
                break
            previous = index
            index += length
            count += 1
    if count and not state.final and previous + id_offset + 4 > len(buffer):
        # The bytes that tell whether this is a VBR header have not come.
        index, count = previous, count - 1
    state.count_frames(count)
    state.previous_frame, state.position = state.base + previous, state.base + index


def _inspect_frame(state: ParserState) -> bool:
    """Pass one frame that is new, has a CRC, or may be the VBR header of another file."""
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
    """Add a new header to the cache; False if it does not fit the stream."""
    header = state.header_cache.add(key)
    if header is None:
        return False
    state.report.headers.add(header)
    return True


def _check_crc(state: ParserState, index: int, header: FrameHeader) -> None:
    report, buffer = state.report, state.buffer
    stored_crc = buffer[index + 4] << 8 | buffer[index + 5]
    if crc16.cms(buffer[index + 2 : index + 4] + buffer[index + 6 : index + 6 + header.side_info_bytes]) == stored_crc:
        report.crc_good += 1
    else:
        report.crc_bad += 1
        if report.crc_bad_at is None:
            report.crc_bad_at = state.base + index
            state.record_time(report.crc_bad_at)


def _stop_at_end(state: ParserState) -> bool:
    """Wait for more bytes, or leave the phase at the end of the chain."""
    report = state.report
    incomplete = state.position > report.size
    complete_stop = state.previous_frame if incomplete else state.position
    state.hash_up_to(complete_stop)
    if complete_stop > report.audio_end:
        state.audio.mark()
        report.audio_end = complete_stop
    if incomplete:
        return _handle_cut_frame(state)
    key = state.peek(FRAME_HEADER_BYTES)
    header = parse_header(key) if state.header_cache.contains(key) else None
    if not state.final and (len(key) < FRAME_HEADER_BYTES or header is not None):
        state.wanted_size = state.position + (FRAME_HEADER_BYTES if header is None else header.length)
        return False
    if header is not None:
        # Even the side information is incomplete.
        report.truncated = state.position, header.length, report.size - state.position
        state.record_time(state.position)
        return False
    state.phase = Phase.CHAIN_BREAK
    return True


def _handle_cut_frame(state: ParserState) -> bool:
    """Wait for the rest of the last frame; at the end of the file, record it as truncated."""
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
