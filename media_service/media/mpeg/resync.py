"""The walk where the chain breaks: a tag, another stream, or damage, behind which the frames go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.end_of_stream import end_in_gap
from media_service.media.mpeg.header import HEADER, Header, parse_header
from media_service.media.mpeg.report import NOTED, Gap
from media_service.media.mpeg.state import CHAINED, Step
from media_service.media.signatures import TAG_LOOK, container_of, tag_at

if TYPE_CHECKING:
    from media_service.media.mpeg.state import Trail

GAP = 1024 * 1024
"""Bytes without a frame after which the walk gives up; what follows could not save the file."""

ALL_GAPS, MOST_GAPS = 4 * GAP, 1024
"""Bytes without a frame, taken together, and gaps, after which the walk gives up: looking for frames is dear."""

LYRICS_LOOK = 64 * 1024
"""Bytes of a Lyrics3 tag, which is told by its end alone."""


def look_behind(trail: Trail) -> bool:
    """No frame follows: the end, a tag, another stream, or damage."""
    at, size = trail.at, trail.walk.size
    if at >= size:
        trail.wanted = at + TAG_LOOK
        return False
    if trail.lacks(at + TAG_LOOK):
        return False
    if trail.look(11) == b"LYRICSBEGIN" and trail.lacks(min(at + LYRICS_LOOK, _lyrics_stop(trail))):
        return False
    found = tag_at(trail.buffer, at - trail.base)
    if found is None:
        return _look_for_stream(trail)
    trail.note_tag(found[0], at, at + found[1])
    trail.at += found[1]
    trail.after_tag = True
    return True


def _lyrics_stop(trail: Trail) -> int:
    """As far as a Lyrics3 tag must be here: up to its end, where that is seen already."""
    found = tag_at(trail.buffer, trail.at - trail.base)
    return trail.walk.size if found is not None else trail.at + LYRICS_LOOK


def _look_for_stream(trail: Trail) -> bool:
    header = parse_header(trail.look(HEADER))
    if header is not None and header.layer == 3:
        count, needed, stop = trail.chain(trail.at, header)
        if needed is not None and trail.lacks(needed):
            return False
        if count >= CHAINED or (count >= 2 and trail.ends(stop)):
            return _go_on(trail, header)
    trail.search_from = trail.at
    trail.step = Step.SEEK
    return True


def _go_on(trail: Trail, header: Header) -> bool:
    """Frames follow what is no frame, or frames of another format."""
    walk = trail.walk
    if header.format != trail.known.first.format:
        walk.changes.append((trail.at, header))
        trail.note_time(trail.at)
        if len(walk.changes) > NOTED:
            return trail.give_up(trail.at)
        trail.close_section()
        trail.enter(header)
    elif trail.after_tag:
        trail.note_join()
    trail.after_tag = False
    trail.previous = trail.at
    trail.step = Step.FOLLOW
    return True


def seek(trail: Trail) -> bool:
    """Looks for where the frames go on behind damage."""
    size, base, place = trail.walk.size, trail.base, trail.search_from
    while (match := trail.known.resync.search(trail.buffer, place - base)) is not None:
        place = base + match.start()
        # Asked of the place, not of what has come: the pieces must make no difference.
        if _too_long(trail, place):
            return False
        count, needed, stop = trail.chain(place, trail.known.first)
        if needed is not None and trail.lacks(needed):
            trail.search_from = place
            return False
        if count >= CHAINED or (count >= 2 and trail.final and stop >= size):
            return _go_on_behind(trail, place)
        place += 1
    trail.search_from = max(place, size - HEADER + 1, trail.at)
    if trail.final:
        end_in_gap(trail)
        return False
    trail.wanted = size + 4096
    _too_long(trail, trail.search_from)
    return False


def _too_long(trail: Trail, place: int) -> bool:
    """Whether a frame at this place would come too late; then the walk gives up."""
    late = place - trail.at > GAP
    if late:
        trail.note_time(trail.at)
        trail.walk.trailing = Gap(trail.at, trail.at + GAP, trail.look(GAP).count(0))
        trail.give_up(trail.at)
    return late


def _go_on_behind(trail: Trail, place: int) -> bool:
    walk = trail.walk
    _note_gap(trail, place)
    if walk.gap_bytes > ALL_GAPS or walk.gap_count > MOST_GAPS:
        return trail.give_up(place)
    trail.at = trail.previous = place
    trail.after_tag = False
    trail.step = Step.FOLLOW
    return True


def _note_gap(trail: Trail, stop: int) -> None:
    walk, start = trail.walk, trail.at
    trail.note_time(start)
    walk.gap_bytes += stop - start
    walk.gap_count += 1
    trail.note_time(stop, stop - start)
    if len(walk.gaps) < NOTED:
        inside = trail.look(stop - start)
        walk.gaps.append(Gap(start, stop, inside.count(0), container_of(inside[:64])))
