"""The walk's end: tags that are told by their end alone, a frame that was begun, and junk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.report import Gap, Tag
from media_service.media.signatures import ID3V1, ape_size, container_of, peel_tags

if TYPE_CHECKING:
    from media_service.media.mpeg.state import Trail


def end_in_gap(trail: Trail) -> None:
    """The file ends without another frame: tags that are told by their end, and junk before them."""
    walk, start = trail.walk, trail.at
    tag_start = walk.size - ID3V1
    if _ends_in_id3v1(trail) and trail.previous < tag_start < start:
        # The last frame's missing end was taken from the tag behind it.
        walk.truncated = trail.previous, start - trail.previous, tag_start - trail.previous
        trail.note_time(trail.previous)
        walk.tags.append(Tag("id3v1", tag_start, walk.size))
        return
    stop, tags = peel_tags(trail.buffer, start - trail.base)
    walk.tags += [Tag(kind, trail.base + begin, trail.base + end) for kind, begin, end in tags]
    junk = trail.buffer[start - trail.base : stop]
    begun = trail.known.begun(junk)
    trail.note_time(start)
    if begun is not None:
        walk.truncated = start, begun, len(junk)
    elif junk:
        walk.zeros_before = min(start - trail.previous, trail.zeros_before(start))
        walk.trailing = Gap(start, trail.base + stop, junk.count(0), container_of(junk[:64]))


def look_for_tags(trail: Trail, start: int) -> None:
    """What was given up on may be one long tag that only its end tells: an APE tag without a header."""
    walk = trail.walk
    id3v1 = walk.size - ID3V1 if _ends_in_id3v1(trail) else walk.size
    footer = trail.last[: len(trail.last) - (walk.size - id3v1)][-32:]
    if ape_size(footer) == id3v1 - start:
        walk.gave_up = walk.trailing = None
        trail.note_tag("ape", start, id3v1)
        if id3v1 < walk.size:
            trail.note_tag("id3v1", id3v1, walk.size)


def _ends_in_id3v1(trail: Trail) -> bool:
    return trail.last[-ID3V1:].startswith(b"TAG")
