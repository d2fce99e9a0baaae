"""Limits of one upload: bytes of the file and of its slices, number of slices, and length of every text.

Limits of texts are only here. `docs/api.md` states them, and `tests/test_docs.py` compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from media_service.core.cover import CoverLimits
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.requests import Malformed

NAME_CHARACTERS = 1024
"""Characters of a text on one line: file name, sender, title and URL of a chapter."""


TAG_CHARACTERS = 4096
"""Characters of the value of a tag."""


MAX_CHAPTERS = 255
"""Chapters of a file: the count in ID3's CTOC frame is one byte."""


DETAILS_BYTES = 16 * 1024
"""Bytes of UTF-8 of tags, chapters and metadata of one upload together. They are kept in memory while the upload
receives, and full rows of listings contain them."""


CHAPTER_BYTES = 8
"""Bytes that a chapter counts in addition to its texts, for its time."""


JSON_TEXT_CHARACTERS = 8192
"""Characters of any string in a JSON body, before its own limit is checked."""


MIN_SLICE_BYTES = 16 * 1024
"""Bytes of the smallest slice of the native dialect that neither fills a gap nor ends the file."""


MAX_SLICES = 100_000
"""Slices of one upload: 64 GiB in slices of 688 KiB."""


MAX_RANGES = 10_000
"""Separate ranges of one upload. Adding a slice copies them: 0.2 ms at this number, 3 ms at 100,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one upload may be: bytes of a file, bytes of a slice, the slice size proposed to clients, and its cover.

    `min_slice` in bytes, for dialects whose clients choose where a slice ends; `slices` and `ranges` are numbers.
    """

    file: int
    slice: int
    slice_size: int
    cover: CoverLimits = field(default_factory=CoverLimits)
    min_slice: int = 0
    slices: int = MAX_SLICES
    ranges: int = MAX_RANGES


def check_length(length: int, limits: Limits) -> None:
    """Raises FileTooLarge, or Malformed for a file without bytes."""
    if length > limits.file:
        raise FileTooLarge(limits.file)
    if length < 1:
        raise Malformed("length", "a file has at least one byte")
