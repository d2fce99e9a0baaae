"""Limits of one upload and of every text; `tests/test_docs.py` compares the latter with `docs/api.md`."""

from __future__ import annotations

from dataclasses import dataclass, field

from media_service.core.cover import CoverLimits
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.requests import Malformed

NAME_CHARACTERS = 1024
"""Maximum of a text on one line: file name, sender, title and URL of a chapter."""

REASON_CHARACTERS = 500
"""Maximum of why somebody cancels an upload."""

TAG_CHARACTERS = 4096
"""Maximum of a tag's value."""

MAX_CHAPTERS = 255
"""ID3's CTOC frame counts chapters in one byte."""

DETAILS_BYTES = 16 * 1024
"""UTF-8 bytes of one upload's tags, chapters and metadata together: they are in memory and in listings."""

CHAPTER_BYTES = 8
"""Bytes that a chapter counts in addition to its texts, for its time."""

JSON_TEXT_CHARACTERS = 8192
"""Maximum of any string in a JSON body, before its own limit is checked."""

MIN_SLICE_BYTES = 16 * 1024
"""Minimum of a slice of the native dialect that neither fills a gap nor ends the file."""

MAX_SLICES = 100_000
"""Slices of one upload: 64 GiB in slices of 688 KiB."""

MAX_RANGES = 10_000
"""Separate ranges of one upload. Adding a slice copies them: 0.2 ms at this number, 3 ms at 100,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one upload, in bytes; `slices` and `ranges` are numbers.

    `slice_size` is proposed to clients; `min_slice` is for dialects whose clients choose where a slice ends.
    """

    file: int
    slice: int
    slice_size: int
    cover: CoverLimits = field(default_factory=CoverLimits)
    min_slice: int = 0
    slices: int = MAX_SLICES
    ranges: int = MAX_RANGES


def check_length(length: int, limits: Limits) -> None:
    """Raise FileTooLarge, or Malformed for an empty file."""
    if length > limits.file:
        raise FileTooLarge(limits.file)
    if length < 1:
        raise Malformed("length", "a file has at least one byte")
