"""The walk before the first frame: over the tags in front, and through what may stand behind them.

A step says whether the next one can be taken at once.
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
    read_vbr_header,
)
from media_service.media.mpeg.state import MIN_CHAIN_FRAMES, Phase
from media_service.media.signatures import TAG_PROBE_BYTES, detect_container, detect_tag

if TYPE_CHECKING:
    from media_service.media.mpeg.state import ParserState

MAX_LEADING_BYTES = 64 * 1024
"""Bytes between the leading tags and the first frame beyond which there is no first frame."""


def skip_leading_tags(state: ParserState) -> bool:
    """Passes over the tags in front."""
    if state.must_wait_for(state.position + TAG_PROBE_BYTES):
        return False
    found = detect_tag(state.buffer, state.position - state.base) if state.position <= state.report.size else None
    if found is not None and found[0] in ("id3v2", "ape"):
        state.record_tag(found[0], state.position, state.position + found[1])
        state.position += found[1]
        return True
    state.search_position = state.position
    state.phase = Phase.FIRST_FRAME
    return True


def find_first_frame(state: ParserState) -> bool:
    """Looks for the first frame."""
    start = state.position
    if start >= state.report.size or state.must_wait_for(start + MAX_FRAME_BYTES * MIN_CHAIN_FRAMES):
        return False
    foreign = detect_container(state.peek(64))
    if foreign is None and is_free_format(state.buffer, start - state.base):
        foreign = "free format"
    if foreign is not None:
        state.report.detected = foreign
        return state.give_up(start)
    return _search(state)


def _search(state: ParserState) -> bool:
    start, base, place = state.position, state.base, state.search_position
    while (match := LAYER_3_SYNC.search(state.buffer, place - base, start - base + MAX_LEADING_BYTES + 2)) is not None:
        place = base + match.start()
        count, needed, stop = state.measure_chain(place, None)
        if needed is not None and state.must_wait_for(needed):
            state.search_position = place
            return False
        alone = count and state.final and place == start
        if count >= MIN_CHAIN_FRAMES or (count >= 2 and state.ends_at_tag_or_end(stop)) or alone:
            return _start_stream(state, place)
        place += 1
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
    """Which other layer's frames are there, if any."""
    buffer, base, place, tried = state.buffer, state.base, start, 0
    while tried < 4096 and (match := OTHER_LAYER_SYNC.search(buffer, place - base, start - base + MAX_LEADING_BYTES)):
        place, tried = base + match.start(), tried + 1
        header = parse_header(buffer[match.start() : match.start() + FRAME_HEADER_BYTES])
        if header is not None and state.measure_chain(place, header)[0] >= MIN_CHAIN_FRAMES:
            return f"mpeg layer {header.layer}"
        place += 1
    return None


def _start_stream(state: ParserState, place: int) -> bool:
    report, at = state.report, place - state.base
    header = parse_header(state.buffer[at : at + FRAME_HEADER_BYTES])
    assert header is not None
    report.leading_junk_bytes = place - state.position
    report.first, report.audio_start, report.audio_end = header, place, place
    state.position = state.previous_frame = place
    state.start_audio(place)
    state.start_format(header)
    vbr_header = read_vbr_header(state.buffer[at : at + header.length], header)
    if vbr_header is not None and place + header.length <= report.size:
        report.vbr_header, report.vbr_header_start = vbr_header, place
        state.position = report.audio_end = place + header.length
        state.hash_up_to(state.position)
        state.audio.mark()
        if vbr_header.music_length is not None and vbr_header.music_length > header.length:
            state.audio.expect_music(vbr_header.music_length - header.length)
    state.phase = Phase.FRAME_CHAIN
    return True
