"""Finished files: what is known of one, and how it is made of what was received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.core.chapters import Chapter
    from media_service.core.upload import Facts


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """How a received file is tagged: `head` takes the place of its first `cut` bytes, `tail` that of its last.

    `length` is how many of its bytes are used, `tail` counted; None for all.
    """

    head: bytes
    cut: int
    tail: bytes = b""
    length: int | None = None


@dataclass(frozen=True, slots=True)
class TagValues:
    """What a file will say of itself: our tags, and its chapters."""

    tags: Mapping[str, str]
    chapters: tuple[Chapter, ...] = ()


@dataclass(frozen=True, slots=True)
class CoverAndChapters:
    """A cover's picture and chapters for a file. None leaves the file's own, an empty one takes them away.

    The last chapter ends at `duration`, in seconds.
    """

    picture: bytes | None = None
    chapters: tuple[Chapter, ...] | None = None
    duration: float = 0.0

    def __bool__(self) -> bool:
        return self.picture is not None or self.chapters is not None


@dataclass(frozen=True, slots=True)
class AssembledFile:
    """A tagged file that is whole on disk and has no name yet: its bytes and its SHA-256."""

    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A file in the spool: its name there, its bytes, and the SHA-256 of it as it lies there."""

    name: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One finished file, as listings show it. `tags` and `chapters` are what it carries; times are UTC microseconds."""

    id: str
    upload_id: str
    owner: str
    sender: str | None
    filename: str
    spool_entry: SpoolEntry
    facts: Facts
    tags: Mapping[str, str]
    uploaded_at: int
    spooled_at: int
    chapters: tuple[Chapter, ...] = ()


@dataclass(frozen=True, slots=True)
class LoudnessReport:
    """What a decoder heard in a finished file; None where it could not be measured, or there was nothing to hear.

    `loudness` is integrated over the whole, in LUFS, its range in LU, `true_peak` in dBTP, silences in seconds. `peaks`
    are the waveform: the highest level of each equal part, in percent of full scale.
    """

    integrated: float | None = None
    range: float | None = None
    true_peak: float | None = None
    leading_silence: float | None = None
    trailing_silence: float | None = None
    peaks: tuple[int, ...] = ()
