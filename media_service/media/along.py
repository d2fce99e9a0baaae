"""The walk from frame to frame, as long as each header leads to the next.

Where many frames lie ahead, a regular expression made of the known headers passes over them by the stride.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.media.known import STRIDE
from media_service.media.mpeg import HEADER, Header, frame_crc
from media_service.media.trail import Step

if TYPE_CHECKING:
    from media_service.media.trail import Trail

FAR = 64 * 1024
"""Bytes ahead from which a stride is worth while."""


def follow(trail: Trail) -> bool:
    """Goes from header to header."""
    base, buffer = trail.base, trail.buffer
    size, lengths, guarded = len(buffer), trail.known.lengths, trail.known.guarded
    previous = trail.previous - base
    at, count = _leap(trail, trail.at - base)
    while True:
        # A subscript that fails once a piece costs less than a call that succeeds each time.
        with suppress(KeyError):
            while True:
                length = lengths[buffer[at : at + 4]]
                previous = at
                at += length
                count += 1
        if at + HEADER > size:
            break
        header = guarded.get(buffer[at : at + 4])
        if header is None:
            if not _learn(trail, buffer[at : at + 4]):
                break
            continue
        if at + 6 + header.side_information > size:
            break
        _check_crc(trail, at, header)
        previous = at
        at += header.length
        count += 1
    trail.count(count)
    trail.previous, trail.at = base + previous, base + at
    return _pause(trail)


def _leap(trail: Trail, at: int) -> tuple[int, int]:
    """Passes over as many whole strides of known frames as there are, but for the last; where it stands, and the
    frames it passed. The last is left to be walked header by header, so that it is known where a frame began."""
    buffer = trail.buffer
    stride = trail.known.stride() if len(buffer) - at >= FAR else None
    if stride is None:
        return at, 0
    match, count, behind = stride.match, 0, at
    while (found := match(buffer, at)) is not None:
        behind, at = at, found.end()
        count += STRIDE
    return behind, max(0, count - STRIDE)


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
    guarded = trail.known.guarded.get(key)
    if not trail.final and (len(key) < HEADER or guarded is not None):
        trail.wanted = trail.at + (HEADER if guarded is None else 6 + guarded.side_information)
        return False
    if guarded is not None:
        # Not even its side information came.
        walk.truncated = trail.at, guarded.length, walk.size - trail.at
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
    return False
