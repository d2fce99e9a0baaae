"""The phases before the first frame: skip leading tags, then search the first frame.

Each phase returns whether the next one can run without more bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.header import (
    FRAME_HEADER_BYTES,
    LAYER_3_SYNC,
    MAX_FRAME_BYTES,
    OTHER_LAYER_SYNC,
    is_free_format,
    parse_header,
)
from media_service.media.mpeg.state import MIN_CHAIN_FRAMES, Phase
from media_service.media.mpeg.vbr_header import read_vbr_header
from media_service.media.signatures import TAG_PROBE_BYTES, detect_container, detect_tag

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState

MAX_LEADING_BYTES = 64 * 1024
"""Bytes after the leading tags within which the first frame must begin."""


def skip_leading_tags(state: ParserState) -> bool:
    """Skip the leading tags, one per call."""
    if state.must_wait_for(state.position + TAG_PROBE_BYTES):
        return False
    tag = detect_tag(state.buffer, state.position - state.base) if state.position <= state.report.size else None
    if tag is not None and tag[0] in ("id3v2", "ape"):
        state.record_tag(tag[0], state.position, state.position + tag[1])
        state.position += tag[1]
        return True
    state.search_position = state.position
    state.phase = Phase.FIRST_FRAME
    return True


def find_first_frame(state: ParserState) -> bool:
    """Reject foreign containers, then search the first frame."""
    start = state.position
    if start >= state.report.size or state.must_wait_for(start + MAX_FRAME_BYTES * MIN_CHAIN_FRAMES):
        return False
    other_format = detect_container(state.peek(64))
    if other_format is None and is_free_format(state.buffer, start - state.base):
        other_format = "free format"
    if other_format is not None:
        state.report.detected = other_format
        return state.give_up(start)
    return _search(state)


def _search(state: ParserState) -> bool:
    start, base, offset = state.position, state.base, state.search_position
    while (match := LAYER_3_SYNC.search(state.buffer, offset - base, start - base + MAX_LEADING_BYTES + 2)) is not None:
        offset = base + match.start()
        count, needed, stop = state.measure_chain(offset, None)
        if needed is not None and state.must_wait_for(needed):
            state.search_position = offset
            return False
        alone = count and state.final and offset == start
        if count >= MIN_CHAIN_FRAMES or (count >= 2 and state.ends_at_tag_or_end(stop)) or alone:
            return _start_stream(state, offset)
        offset += 1
    return _not_found(state)


def _not_found(state: ParserState) -> bool:
    start, size = state.position, state.report.size
    state.search_position = max(start, min(size - 1, start + MAX_LEADING_BYTES))
    if size - start < MAX_LEADING_BYTES + MAX_FRAME_BYTES * MIN_CHAIN_FRAMES and not state.final:
        state.wanted_size = min(
            state.search_position + 4096, start + MAX_LEADING_BYTES + MAX_FRAME_BYTES * MIN_CHAIN_FRAMES
        )
        return False
    state.report.detected = _detect_other_layer(state, start)
    return state.give_up(start)


def _detect_other_layer(state: ParserState, start: int) -> str | None:
    """Return the name of the MPEG layer other than III whose frames are there, if any."""
    buffer, base, offset, tried = state.buffer, state.base, start, 0
    while tried < 4096 and (match := OTHER_LAYER_SYNC.search(buffer, offset - base, start - base + MAX_LEADING_BYTES)):
        offset, tried = base + match.start(), tried + 1
        header = parse_header(buffer[match.start() : match.start() + FRAME_HEADER_BYTES])
        if header is not None and state.measure_chain(offset, header)[0] >= MIN_CHAIN_FRAMES:
            return f"mpeg layer {header.layer}"
        offset += 1
    return None


def _start_stream(state: ParserState, offset: int) -> bool:
    report, index = state.report, offset - state.base
    header = parse_header(state.buffer[index : index + FRAME_HEADER_BYTES])
    assert header is not None
    report.leading_junk_bytes = offset - state.position
    report.first_header, report.audio_start, report.audio_end = header, offset, offset
    state.position = state.previous_frame = offset
    state.start_audio(offset)
    state.start_format(header)
    vbr_header = read_vbr_header(state.buffer[index : index + header.length], header)
    if vbr_header is not None and offset + header.length <= report.size:
        report.vbr_header, report.vbr_header_start = vbr_header, offset
        state.position = report.audio_end = offset + header.length
        state.hash_up_to(state.position)
        state.audio.mark()
        if vbr_header.music_length is not None and vbr_header.music_length > header.length:
            state.audio.expect_music(vbr_header.music_length - header.length)
    state.phase = Phase.FRAME_CHAIN
    return True
