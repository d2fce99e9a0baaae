"""The walk along every MPEG audio frame of a file, from the first header to the last, while its bytes still arrive.

`FrameParser` takes the bytes in order, in pieces of any size, and holds almost none of them. Its steps stand in
`lead.py`, `along.py`, `broken.py` and `ending.py`; what they share is a `ParserState`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.media.mpeg.audio_digest import AudioDigest
from media_service.media.mpeg.end_of_stream import recover_headerless_ape_tag
from media_service.media.mpeg.first_frame import find_first_frame, skip_leading_tags
from media_service.media.mpeg.frame_chain import follow_chain
from media_service.media.mpeg.resync import handle_break, resync
from media_service.media.mpeg.state import ParserState, Phase

if TYPE_CHECKING:
    from media_service.media.mpeg.audio_digest import MusicCrc
    from media_service.media.mpeg.report import StreamReport

PENDING_BYTES = 64 * 1024
"""Bytes of small pieces that are put together before they are looked at, unless fewer suffice."""

_PHASES = {
    Phase.LEADING_TAGS: skip_leading_tags,
    Phase.FIRST_FRAME: find_first_frame,
    Phase.FRAME_CHAIN: follow_chain,
    Phase.CHAIN_BREAK: handle_break,
    Phase.RESYNC: resync,
}
"""Each says whether the next one can be taken at once."""


@dataclass(frozen=True, slots=True)
class MusicSpan:
    """Bytes `[start, stop)` of the file, of which LAME's CRC is to be computed."""

    start: int
    stop: int
    crc: MusicCrc


class FrameParser:
    """Walks a file that comes in pieces. `feed` them in order, then `finish`. `audio` takes what is between tags."""

    def __init__(self, audio: AudioDigest | None = None) -> None:
        self._state = ParserState(audio or AudioDigest())
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def report(self) -> StreamReport:
        """What is known so far, to be looked at only."""
        return self._state.report

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        state = self._state
        state.receive(piece)
        if state.report.gave_up_at is not None:
            return
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        if state.report.size >= state.wanted_size or self._pending_bytes >= PENDING_BYTES:
            self._advance()

    def detach_music_crc(self) -> MusicSpan | None:
        """LAME's CRC of what was not walked yet, to be fed by somebody else before `finish`; None where none is due."""
        lent, start = self._state.audio.detach_music_crc(), self._state.hashed_up_to
        return None if lent is None or start is None else MusicSpan(start, start + lent[1], lent[0])

    def finish(self) -> StreamReport:
        """All bytes have come."""
        state, report = self._state, self._state.report
        state.final = True
        if report.gave_up_at is None:
            self._advance()
        elif report.trailing is not None:
            recover_headerless_ape_tag(state, report.trailing.start)
        state.close_section()
        if report.first is not None:
            report.audio_sha256 = state.audio.sha256()
            report.music_crc = state.audio.music_crc()
            report.seconds = _playing_seconds(report)
        return report

    def _advance(self) -> None:
        state, pending = self._state, self._pending
        state.buffer = b"".join([state.buffer, *pending]) if state.buffer or len(pending) != 1 else pending[0]
        self._pending, self._pending_bytes = [], 0
        state.wanted_size = 0
        while _PHASES[state.phase](state):
            pass
        state.discard_passed()


def _playing_seconds(report: StreamReport) -> float:
    """Seconds of sound, without the silence that the encoder says it added."""
    assert report.first is not None
    added = report.vbr_header.delay + report.vbr_header.padding if report.vbr_header is not None else 0
    return max(0.0, report.seconds - added / report.first.sample_rate)
