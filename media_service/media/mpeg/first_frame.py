"""The walk before the first frame: over the tags in front, and through what may stand behind them.

A step says whether the next one can be taken at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.header import (
    ANY_LAYER_3,
    ANY_OTHER_LAYER,
    HEADER,
    LONGEST_FRAME,
    is_free_format,
    parse_header,
    read_declared,
)
from media_service.media.mpeg.state import CHAINED, Step
from media_service.media.signatures import TAG_LOOK, container_of, tag_at

if TYPE_CHECKING:
    from media_service.media.mpeg.state import Trail

LEADING = 64 * 1024
"""Bytes between the leading tags and the first frame beyond which there is no first frame."""


def pass_tags(trail: Trail) -> bool:
    """Passes over the tags in front."""
    if trail.lacks(trail.at + TAG_LOOK):
        return False
    found = tag_at(trail.buffer, trail.at - trail.base) if trail.at <= trail.walk.size else None
    if found is not None and found[0] in ("id3v2", "ape"):
        trail.note_tag(found[0], trail.at, trail.at + found[1])
        trail.at += found[1]
        return True
    trail.search_from = trail.at
    trail.step = Step.SEARCH
    return True


def find_first(trail: Trail) -> bool:
    """Looks for the first frame."""
    start = trail.at
    if start >= trail.walk.size or trail.lacks(start + LONGEST_FRAME * CHAINED):
        return False
    foreign = container_of(trail.look(64))
    if foreign is None and is_free_format(trail.buffer, start - trail.base):
        foreign = "free format"
    if foreign is not None:
        trail.walk.detected = foreign
        return trail.give_up(start)
    return _search(trail)


def _search(trail: Trail) -> bool:
    start, base, place = trail.at, trail.base, trail.search_from
    while (match := ANY_LAYER_3.search(trail.buffer, place - base, start - base + LEADING + 2)) is not None:
        place = base + match.start()
        count, needed, stop = trail.chain(place, None)
        if needed is not None and trail.lacks(needed):
            trail.search_from = place
            return False
        alone = count and trail.final and place == start
        if count >= CHAINED or (count >= 2 and trail.ends(stop)) or alone:
            return _begin(trail, place)
        place += 1
    return _not_found(trail)


def _not_found(trail: Trail) -> bool:
    start, size = trail.at, trail.walk.size
    trail.search_from = max(start, min(size - 1, start + LEADING))
    if size - start < LEADING + LONGEST_FRAME * CHAINED and not trail.final:
        trail.wanted = min(trail.search_from + 4096, start + LEADING + LONGEST_FRAME * CHAINED)
        return False
    trail.walk.detected = _other_layer(trail, start)
    return trail.give_up(start)


def _other_layer(trail: Trail, start: int) -> str | None:
    """Which other layer's frames are there, if any."""
    buffer, base, place, tried = trail.buffer, trail.base, start, 0
    while tried < 4096 and (match := ANY_OTHER_LAYER.search(buffer, place - base, start - base + LEADING)):
        place, tried = base + match.start(), tried + 1
        header = parse_header(buffer[match.start() : match.start() + HEADER])
        if header is not None and trail.chain(place, header)[0] >= CHAINED:
            return f"mpeg layer {header.layer}"
        place += 1
    return None


def _begin(trail: Trail, place: int) -> bool:
    walk, at = trail.walk, place - trail.base
    header = parse_header(trail.buffer[at : at + HEADER])
    assert header is not None
    walk.junk_before = place - trail.at
    walk.first, walk.audio_start, walk.audio_end = header, place, place
    trail.at = trail.previous = place
    trail.hash_from(place)
    trail.enter(header)
    declared = read_declared(trail.buffer[at : at + header.length], header)
    if declared is not None and place + header.length <= walk.size:
        walk.declared, walk.info_start = declared, place
        trail.at = walk.audio_end = place + header.length
        trail.hash_to(trail.at)
        trail.audio.mark()
        if declared.music is not None and declared.music > header.length:
            trail.audio.expect_music(declared.music - header.length)
    trail.step = Step.FOLLOW
    return True
