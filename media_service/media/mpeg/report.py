"""What a walk along a file sees, told as it is; `judge.py` says what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.media.mpeg.header import Declared, Header

NOTED = 16
"""How many places of one kind are noted; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag around the audio: its kind, and the bytes `[start, stop)` it says it has."""

    kind: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes `[start, stop)` where a frame should have been; `zeros` of them are NUL. `foreign`: what begins there."""

    start: int
    stop: int
    zeros: int
    foreign: str | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stop - self.start


@dataclass(slots=True)
class Walk:
    """What was seen. Offsets are from the file's first byte; counts leave out the encoder's own first frame.

    `gave_up` is where the walk stopped looking; `detected` what the file is instead of MPEG audio.
    """

    size: int = 0
    tags: list[Tag] = field(default_factory=list)
    first: Header | None = None
    declared: Declared | None = None
    info_start: int = 0
    audio_start: int = 0
    audio_end: int = 0
    frames: int = 0
    samples: int = 0
    seconds: float = 0.0
    headers: set[Header] = field(default_factory=set)
    detected: str | None = None
    junk_before: int = 0
    gaps: list[Gap] = field(default_factory=list)
    gap_bytes: int = 0
    gap_count: int = 0
    trailing: Gap | None = None
    zeros_before: int = 0
    """NULs with which the last frame ends, where more than a frame's end follows: a hole may begin in it."""
    gap_seconds: float = 0.0
    """How long what is missing in gaps would play, by the average of the frames before each."""
    times: dict[int, float] = field(default_factory=dict)
    """Where offsets that are noted stand in the playing time, in seconds; what is missing before them is counted."""
    gave_up: int | None = None
    truncated: tuple[int, int, int] | None = None
    """The cut last frame: its offset, the bytes it should have, the bytes it has."""
    changes: list[tuple[int, Header]] = field(default_factory=list)
    joins: list[int] = field(default_factory=list)
    """Where frames go on behind a tag, or an encoder's own first frame stands among them: two files in one."""
    crc_good: int = 0
    crc_bad: int = 0
    crc_bad_at: int | None = None
    audio_sha256: bytes = b""
    music_crc: int | None = None
    """LAME's CRC as the bytes give it; None where the file declares none, or has not so many bytes."""
