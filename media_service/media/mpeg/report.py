"""The parser's report on a file. `inspection/findings.py` derives findings from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.media.mpeg.header import FrameHeader
    from media_service.media.mpeg.vbr_header import VbrHeader

MAX_RECORDED = 16
"""Recorded items of one kind; further ones are only counted."""

COUNT_TOLERANCE_FRAMES = 1
"""Tolerance of a declared frame count: some encoders count the frame of the VBR header."""


@dataclass(frozen=True, slots=True)
class TagSpan:
    """A tag around the audio: its kind, and its declared span `[start, stop)`."""

    kind: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Span `[start, stop)` without a frame, with `zeros` NULs; `foreign` is the format that begins there."""

    start: int
    stop: int
    zeros: int
    foreign: str | None = None

    @property
    def size(self) -> int:
        """Return the length in bytes."""
        return self.stop - self.start


@dataclass(slots=True)
class StreamReport:
    """What the parser found. Offsets count from the file's first byte; counts leave out the frame of the VBR header.

    `gave_up_at` is the offset at which parsing ended early; `detected` the file's format if it is not MPEG layer III.
    """

    size: int = 0
    tags: list[TagSpan] = field(default_factory=list)
    first_header: FrameHeader | None = None
    vbr_header: VbrHeader | None = None
    vbr_header_start: int = 0
    audio_start: int = 0
    audio_end: int = 0
    frames: int = 0
    samples: int = 0
    seconds: float = 0.0
    headers: set[FrameHeader] = field(default_factory=set)
    detected: str | None = None
    leading_junk_bytes: int = 0
    gaps: list[Gap] = field(default_factory=list)
    gap_bytes: int = 0
    gap_count: int = 0
    trailing_junk: Gap | None = None
    zeros_before_gap: int = 0
    """NULs at the end of the last frame, if a gap follows: the gap may begin in the frame."""
    gap_seconds: float = 0.0
    """Estimated duration of the gaps, by the average bitrate before each."""
    times: dict[int, float] = field(default_factory=dict)
    """Playing time in seconds at recorded offsets, with the estimated duration of gaps."""
    gave_up_at: int | None = None
    truncated: tuple[int, int, int] | None = None
    """Offset, declared and actual bytes of the incomplete last frame."""
    format_changes: list[tuple[int, FrameHeader]] = field(default_factory=list)
    concatenations: list[int] = field(default_factory=list)
    """Offsets at which another file begins: frames after a tag, or a VBR header among frames."""
    crc_good: int = 0
    crc_bad: int = 0
    crc_bad_at: int | None = None
    audio_sha256: bytes = b""
    file_sha256: bytes | None = None
    """SHA-256 of all bytes, if the audio begins with the first one: it continues that of the audio."""
    music_crc: int | None = None
    """LAME's music CRC of the bytes; None if the file declares none, or is too short for it."""

    @property
    def declared_frames(self) -> int | None:
        """Return the number of frames that the VBR header declares."""
        return None if self.vbr_header is None else self.vbr_header.frames

    @property
    def count_matches(self) -> bool:
        """Return whether the file has as many frames as the VBR header declares."""
        return self.declared_frames is not None and abs(self.declared_frames - self.frames) <= COUNT_TOLERANCE_FRAMES
