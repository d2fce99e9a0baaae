"""The walk along every MPEG audio frame of a file, from the first header to the last, while its bytes still arrive.

`FrameParser` takes the bytes in order, in pieces of any size, and holds almost none of them. Its steps stand in
`lead.py`, `along.py`, `broken.py` and `ending.py`; what they share is a `Trail`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.media.mpeg.audio_digest import AudioDigest
from media_service.media.mpeg.end_of_stream import look_for_tags
from media_service.media.mpeg.first_frame import find_first, pass_tags
from media_service.media.mpeg.frame_chain import follow
from media_service.media.mpeg.resync import look_behind, seek
from media_service.media.mpeg.state import Step, Trail

if TYPE_CHECKING:
    from media_service.media.mpeg.audio_digest import MusicCrc
    from media_service.media.mpeg.report import Walk

PENDING = 64 * 1024
"""Bytes of small pieces that are put together before they are looked at, unless fewer suffice."""

_STEPS = {
    Step.LEAD: pass_tags,
    Step.SEARCH: find_first,
    Step.FOLLOW: follow,
    Step.BREAK: look_behind,
    Step.SEEK: seek,
}
"""Each says whether the next one can be taken at once."""


@dataclass(frozen=True, slots=True)
class Music:
    """Bytes `[start, stop)` of the file, of which LAME's CRC is to be computed."""

    start: int
    stop: int
    crc: MusicCrc


class FrameParser:
    """Walks a file that comes in pieces. `feed` them in order, then `finish`. `audio` takes what is between tags."""

    def __init__(self, audio: AudioDigest | None = None) -> None:
        self._trail = Trail(audio or AudioDigest())
        self._pending: list[bytes] = []
        self._waiting = 0

    @property
    def seen(self) -> Walk:
        """What is known so far, to be looked at only."""
        return self._trail.walk

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        trail = self._trail
        trail.come(piece)
        if trail.walk.gave_up is not None:
            return
        self._pending.append(piece)
        self._waiting += len(piece)
        if trail.walk.size >= trail.wanted or self._waiting >= PENDING:
            self._advance()

    def lend_music(self) -> Music | None:
        """LAME's CRC of what was not walked yet, to be fed by somebody else before `finish`; None where none is due."""
        lent, start = self._trail.audio.lend_music(), self._trail.hashed
        return None if lent is None or start is None else Music(start, start + lent[1], lent[0])

    def finish(self) -> Walk:
        """All bytes have come."""
        trail, walk = self._trail, self._trail.walk
        trail.final = True
        if walk.gave_up is None:
            self._advance()
        elif walk.trailing is not None:
            look_for_tags(trail, walk.trailing.start)
        trail.close_section()
        if walk.first is not None:
            walk.audio_sha256 = trail.audio.sha256()
            walk.music_crc = trail.audio.music_crc()
            walk.seconds = _played(walk)
        return walk

    def _advance(self) -> None:
        trail, pending = self._trail, self._pending
        trail.buffer = b"".join([trail.buffer, *pending]) if trail.buffer or len(pending) != 1 else pending[0]
        self._pending, self._waiting = [], 0
        trail.wanted = 0
        while _STEPS[trail.step](trail):
            pass
        trail.drop()


def _played(walk: Walk) -> float:
    """Seconds of sound, without the silence that the encoder says it added."""
    assert walk.first is not None
    added = walk.declared.delay + walk.declared.padding if walk.declared is not None else 0
    return max(0.0, walk.seconds - added / walk.first.sample_rate)
