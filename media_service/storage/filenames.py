"""From a client's file name to one that is safe on a disk."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from pathvalidate import sanitize_filename

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT = 255
"""Bytes of UTF-8 that one name may have on ext4, XFS and their like."""

SHELL = frozenset("$`;&|")
"""Characters that a shell acts on, in names that a script of the spool's reader may put into a command unquoted."""

INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, format characters, surrogates and separators of lines and paragraphs."""

EXTENSION = ".mp3"
FALLBACK = "upload"


def safe_filename(filename: str, copy: int = 1) -> str:
    """A name for the spool: the last part of a path, free of what any file system forbids, ending in `.mp3`.

    `copy` 2 and up is the number of another file of the same name. At most 255 bytes, never cut within a character.

    >>> safe_filename("../../etc/passwd")
    'passwd.mp3'
    >>> safe_filename("Sunday Night.MP3", copy=2)
    'Sunday Night (2).MP3'
    """
    return safe_filenames(filename, [copy])[0]


def safe_filenames(filename: str, copies: Iterable[int]) -> list[str]:
    """The names of several copies of one file."""
    stem, extension = _safe_parts(filename)
    return [_numbered(stem, extension, copy) for copy in copies]


def _safe_parts(filename: str) -> tuple[str, str]:
    """Stem and extension, safe but for their length."""
    last = filename.replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = _sanitized("".join(filter(_is_plain, last)))
    stem, extension = clean[: -len(EXTENSION)], clean[-len(EXTENSION) :]
    if extension.lower() != EXTENSION:
        stem, extension = clean, EXTENSION
    # A leading dot hides the file from those who wait for it; a name such as CON is none without its extension.
    return _no_option(_sanitized(stem)) or FALLBACK, extension


def _is_plain(char: str) -> bool:
    """Return whether the character is visible, as U+200B and line breaks are not, and means nothing to a shell."""
    return char not in SHELL and unicodedata.category(char) not in INVISIBLE


def _sanitized(name: str) -> str:
    return sanitize_filename(name.strip(" ."), platform="universal", max_len=None).strip(" .")


def _no_option(stem: str) -> str:
    """Return the name so that no program takes it for an option, as in `mpg123 *`."""
    return f"_{stem}" if stem.startswith("-") else stem


def _numbered(stem: str, extension: str, copy: int) -> str:
    ending = (f" ({copy})" if copy > 1 else "") + extension
    room = LIMIT - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + ending
