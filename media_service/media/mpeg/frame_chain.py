"""The walk from frame to frame, as long as each header leads to the next.

Where many frames lie ahead, a regular expression made of the known headers passes over them by the stride.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.media.mpeg.header import HEADER, NAMES, NOTHING, Header, frame_crc, parse_header, read_declared
from media_service.media.mpeg.header_cache import STRIDE
from media_service.media.mpeg.state import Step

if TYPE_CHECKING:
    from media_service.media.mpeg.state import Trail

FAR = 64 * 1024
"""Bytes ahead from which a stride is worth while."""


def follow(trail: Trail) -> bool:
    """Goes from header to header."""
    _leap(trail)
    _pass(trail)
    while _look_closer(trail):
        _pass(trail)
    return _pause(trail)


def _leap(trail: Trail) -> None:
    """Passes over as many whole strides of known frames as there are, but for the last: it is left to be walked header
    by header, so that it is known where a frame began."""
    buffer, at = trail.buffer, trail.at - trail.base
    stride = trail.known.stride() if len(buffer) - at >= FAR else None
    if stride is None:
        return
    match, strides, behind = stride.match, 0, at
    while (found := match(buffer, at)) is not None:
        behind, at = at, found.end()
        strides += 1
    trail.at = trail.base + behind
    trail.count(STRIDE * max(0, strides - 1))


def _pass(trail: Trail) -> None:
    """Passes over known frames, one by one, up to one that must be looked at."""
    buffer, known = trail.buffer, trail.known
    lengths, place = known.lengths, known.name_at
    at, previous, count = trail.at - trail.base, trail.previous - trail.base, 0
    # A subscript that fails once a piece costs less than a call that succeeds each time.
    with suppress(KeyError):
        while True:
            length = lengths[buffer[at : at + 4]]
            if buffer[at + place : at + place + 4] in NAMES:
                break
            previous = at
            at += length
            count += 1
    if count and not trail.final and previous + place + 4 > len(buffer):
        # Its name, if it has one, has not come.
        at, count = previous, count - 1
    trail.count(count)
    trail.previous, trail.at = trail.base + previous, trail.base + at


def _look_closer(trail: Trail) -> bool:
    """Passes over one frame that is not known, has a CRC of its own, or may be another file's first."""
    key = trail.look(HEADER)
    if len(key) < HEADER:
        return False
    if not trail.known.knows(key):
        return _learn(trail, key)
    header = parse_header(key)
    assert header is not None
    if trail.lacks(trail.at + header.length) or trail.at + 6 + header.side_information > trail.walk.size:
        return False
    frame = trail.look(header.length)
    if (
        len(frame) == header.length
        and frame[HEADER : HEADER + 4] == NOTHING
        and read_declared(frame, header) is not None
    ):
        trail.note_join()
    else:
        if header.protected:
            _check_crc(trail, trail.at - trail.base, header)
        trail.count(1)
    trail.previous = trail.at
    trail.at += header.length
    return True


def _learn(trail: Trail, key: bytes) -> bool:
    """Looks at a header that is new; False when it does not fit the stream."""
    header = trail.known.learn(key)
    if header is None:
        return False
    trail.walk.headers.add(header)
    return True


def _check_crc(trail: Trail, at: int, header: Header) -> None:
    walk, buffer = trail.walk, trail.buffer
    stated = buffer[at + 4] << 8 | buffer[at + 5]
    if frame_crc(buffer[at + 2 : at + 4] + buffer[at + 6 : at + 6 + header.side_information]) == stated:
        walk.crc_good += 1
    else:
        walk.crc_bad += 1
        if walk.crc_bad_at is None:
            walk.crc_bad_at = trail.base + at
            trail.note_time(walk.crc_bad_at)


def _pause(trail: Trail) -> bool:
    """At the end of what has come, or of the chain."""
    walk = trail.walk
    cut = trail.at > walk.size
    whole = trail.previous if cut else trail.at
    trail.hash_to(whole)
    if whole > walk.audio_end:
        trail.audio.mark()
        walk.audio_end = whole
    if cut:
        return _cut(trail)
    key = trail.look(HEADER)
    header = parse_header(key) if trail.known.knows(key) else None
    if not trail.final and (len(key) < HEADER or header is not None):
        trail.wanted = trail.at + (HEADER if header is None else header.length)
        return False
    if header is not None:
        # Not even its side information came.
        walk.truncated = trail.at, header.length, walk.size - trail.at
        trail.note_time(trail.at)
        return False
    trail.step = Step.BREAK
    return True


def _cut(trail: Trail) -> bool:
    """The last frame is not whole, or not yet."""
    walk = trail.walk
    trail.wanted = trail.at + HEADER
    if trail.final:
        trail.count(-1)
        walk.truncated = trail.previous, trail.at - trail.previous, walk.size - trail.previous
        trail.note_time(trail.previous)
    return False
