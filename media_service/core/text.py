"""Clean text from clients for storing and showing. The result is not safe as a path."""

from __future__ import annotations

import unicodedata

from media_service.core.errors.requests import Malformed
from media_service.core.limits import NAME_CHARACTERS

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_KEPT_CONTROLS = frozenset("\n\t\u2028\u2029")


def clean_line(text: str, field: str, limit: int = NAME_CHARACTERS) -> str:
    """Return the text in NFC on one line, without control and bidi characters, lone surrogates and outer blanks.

    Only characters without a glyph are removed: they could make a name look different (`exe.3pm` reversed) or break a
    log line. Every script stays. Raise Malformed if the text has more than `limit` characters.
    """
    if len(text) > limit:
        raise Malformed(field, f"it is longer than {limit} characters")
    if text.isascii() and text.isprintable():
        # Fast path of most texts: there may be 255 chapters, and the loop below is per character.
        return text.strip()
    kept = "".join(" " if char in _KEPT_CONTROLS else char for char in text if _has_place(char))
    return unicodedata.normalize("NFC", kept).strip()


def clean_lines(text: str, field: str, limit: int) -> str:
    """Clean as `clean_line`, but keep line breaks. Raise Malformed."""
    if len(text) > limit:
        raise Malformed(field, f"it is longer than {limit} characters")
    return "\n".join(clean_line(line, field, limit) for line in text.replace("\r\n", "\n").split("\n")).strip()


def _has_place(char: str) -> bool:
    if char in _KEPT_CONTROLS:
        return True
    return char not in _BIDI_CONTROLS and unicodedata.category(char) not in {"Cc", "Cs"}
