"""Streaming parser of all MPEG audio frames of a file, from the first header to the last.

Its phases are in `first_frame.py`, `frame_chain.py`, `resync.py` and `end_of_stream.py`; they share a `ParserState`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.mpeg.audio_digest import AudioDigest
from media_service.media.mpeg.end_of_stream import recover_headerless_ape_tag
from media_service.media.mpeg.first_frame import find_first_frame, skip_leading_tags
from media_service.media.mpeg.frame_chain import follow_chain
from media_service.media.mpeg.resync import handle_break, resync
from media_service.media.mpeg.state import ParserState, Phase

if TYPE_CHECKING:
    from media_service.media.mpeg.report import StreamReport

PENDING_BYTES = 64 * 1024
"""Bytes of small pieces that are joined before they are parsed, unless fewer suffice."""

_PHASES = {
    Phase.LEADING_TAGS: skip_leading_tags,
    Phase.FIRST_FRAME: find_first_frame,
    Phase.FRAME_CHAIN: follow_chain,
    Phase.CHAIN_BREAK: handle_break,
    Phase.RESYNC: resync,
}
"""Each phase returns whether the next one can run without more bytes."""


class FrameParser:
    """Parse a file: `feed` its pieces in order, then `finish`. `audio` gets the bytes between the tags."""

    def __init__(self, audio: AudioDigest | None = None) -> None:
        self._state = ParserState(audio or AudioDigest())
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def report(self) -> StreamReport:
        """Return the report so far, which the caller must not change."""
        return self._state.report

    @property
    def hashes_file(self) -> bool:
        """Return whether the report will have the file's SHA-256, so that the caller need not compute it."""
        return self._state.hashes_file

    def feed(self, piece: bytes) -> None:
        """Add the next bytes."""
        state = self._state
        state.receive(piece)
        if state.report.gave_up_at is not None:
            state.hash_rest(piece)
            return
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        if state.report.size >= state.wanted_size or self._pending_bytes >= PENDING_BYTES:
            self._advance()

    def finish(self) -> StreamReport:
        """Return the report, after all bytes have come."""
        state, report = self._state, self._state.report
        state.final = True
        if report.gave_up_at is None:
            self._advance()
        elif report.trailing_junk is not None:
            recover_headerless_ape_tag(state, report.trailing_junk.start)
        state.close_section()
        if report.first_header is not None:
            report.audio_sha256 = state.audio.sha256()
            report.music_crc = state.audio.music_crc()
            if state.hashes_file:
                state.hash_rest()
                report.file_sha256 = state.audio.sha256_of_all()
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
    """Return the duration without the encoder's delay and padding."""
    assert report.first_header is not None
    added = report.vbr_header.delay + report.vbr_header.padding if report.vbr_header is not None else 0
    return max(0.0, report.seconds - added / report.first_header.sample_rate)
