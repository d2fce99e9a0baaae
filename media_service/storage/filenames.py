"""Turn a client's file name into one that is safe on a disk."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from pathvalidate import sanitize_filename

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FILENAME_BYTES = 255
"""Limit of a name in UTF-8 on ext4, XFS and similar file systems."""

SHELL_CHARACTERS = frozenset("$`;&|")
"""Characters with a meaning to a shell: a script that reads the spool may use names unquoted."""

INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, format, surrogate, line separator, paragraph separator."""

EXTENSION = ".mp3"
FALLBACK = "upload"


def safe_filename(filename: str, copy: int = 1) -> str:
    """Return the last part of the path without what any file system forbids, ending in `.mp3`, of at most 255 bytes.

    `copy` numbers files of the same name, from 2.

    >>> safe_filename("../../etc/passwd")
    'passwd.mp3'
    >>> safe_filename("Sunday Night.MP3", copy=2)
    'Sunday Night (2).MP3'
    """
    return safe_filenames(filename, [copy])[0]


def safe_filenames(filename: str, copies: Iterable[int]) -> list[str]:
    """Return the names of several copies of one file."""
    stem, extension = _safe_parts(filename)
    return [_numbered(stem, extension, copy) for copy in copies]


def _safe_parts(filename: str) -> tuple[str, str]:
    """Return stem and extension, which may still be too long."""
    last = filename.replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = _sanitized("".join(filter(_is_plain, last)))
    stem, extension = clean[: -len(EXTENSION)], clean[-len(EXTENSION) :]
    if extension.lower() != EXTENSION:
        stem, extension = clean, EXTENSION
    # A leading dot hides the file; CON and the like are reserved with and without an extension.
    return _not_an_option(_sanitized(stem)) or FALLBACK, extension


def _is_plain(char: str) -> bool:
    """Return whether the character is visible (not U+200B, not a line break) and has no meaning to a shell."""
    return char not in SHELL_CHARACTERS and unicodedata.category(char) not in INVISIBLE_CATEGORIES


def _sanitized(name: str) -> str:
    return sanitize_filename(name.strip(" ."), platform="universal", max_len=None).strip(" .")


def _not_an_option(stem: str) -> str:
    """Return a name that no program takes for an option, as in `mpg123 *`."""
    return f"_{stem}" if stem.startswith("-") else stem


def _numbered(stem: str, extension: str, copy: int) -> str:
    suffix = (f" ({copy})" if copy > 1 else "") + extension
    stem_bytes = MAX_FILENAME_BYTES - len(suffix.encode())
    return stem.encode()[:stem_bytes].decode(errors="ignore").rstrip(" .") + suffix
