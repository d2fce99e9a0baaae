"""Text from clients, made fit to be stored and shown. Nothing here makes a path."""

from __future__ import annotations

import unicodedata

from media_service.core.errors.requests import Malformed
from media_service.core.limits import NAME_CHARACTERS

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


_KEPT_CONTROLS = frozenset("\n\t\u2028\u2029")


def clean_line(text: str, field: str, limit: int = NAME_CHARACTERS) -> str:
    """The text in NFC as one line, without control and bidi characters, lone surrogates and outer blanks.

    A name that renders as something else than it is (`exe.3pm` turned round) or breaks a log line is an attack,
    while a name in any script is not; so only what has no glyph of its own goes.
    Raises Malformed when more than `limit` characters came.
    """
    if len(text) > limit:
        raise Malformed(field, f"it is longer than {limit} characters")
    if text.isascii() and text.isprintable():
        # Nothing to take out, and by far the most frequent: 255 chapters need not be looked at character by character.
        return text.strip()
    kept = "".join(" " if char in _KEPT_CONTROLS else char for char in text if _has_place(char))
    return unicodedata.normalize("NFC", kept).strip()


def clean_lines(text: str, field: str, limit: int) -> str:
    """The same for a text that keeps its line breaks. Raises Malformed."""
    if len(text) > limit:
        raise Malformed(field, f"it is longer than {limit} characters")
    return "\n".join(clean_line(line, field, limit) for line in text.replace("\r\n", "\n").split("\n")).strip()


def _has_place(char: str) -> bool:
    if char in _KEPT_CONTROLS:
        return True
    return char not in _BIDI_CONTROLS and unicodedata.category(char) not in {"Cc", "Cs"}
