"""Text from clients, made fit to be stored and shown: file names and tags. Nothing here makes a path."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTED_TAGS = ("title", "artist", "album", "date", "genre", "comment")
"""The tags of a listing, which every form asks for."""

MORE_TAGS = (
    *("album_artist", "track", "disc", "composer", "isrc", "label", "copyright", "language"),
    *("bpm", "key", "mood", "grouping", "description", "lyrics"),
)

TAGS = LISTED_TAGS + MORE_TAGS
"""The tags a client may send, in the order in which they are shown."""

LONG_TAGS = frozenset({"comment", "lyrics"})
"""Those that keep their line breaks."""

_SHAPES = {
    "track": (re.compile(r"\d{1,5}(/\d{1,5})?", re.ASCII), "it must be 3 or 3/12"),
    "disc": (re.compile(r"\d{1,5}(/\d{1,5})?", re.ASCII), "it must be 1 or 1/2"),
    "isrc": (re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", re.ASCII), "it must be 12 characters such as GBAYE0000351"),
    "language": (re.compile(r"[A-Za-z]{3}", re.ASCII), "it must be three letters of ISO 639-2"),
    "bpm": (re.compile(r"\d{1,4}", re.ASCII), "it must be a whole number"),
    "key": (re.compile(r"([A-G][b#]?m?|o|\d{1,2}[ABdm])", re.ASCII), "it must be a key such as Ebm or 8A"),
}

_TRACK_NUMBER = re.compile(r"\s*(?:\d{1,3}(?:\s*[.)]\s*|\s+-\s+)|0\d\s+)(?=.* - )", re.ASCII)
"""What stands before the artist in many names."""

NAME_CHARACTERS = 1024
TAG_CHARACTERS = 4096

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


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags a client sent, cleaned, empty ones left out. Comment and lyrics keep their line breaks.

    Raises Malformed for a tag that is not in `TAGS`, one that is too long, and a date or number that is none.
    """
    cleaned = {}
    for key, value in tags.items():
        if key not in TAGS:
            raise Malformed(f"tags.{key}", f"known tags are {', '.join(TAGS)}")
        field = f"tags.{key}"
        clean = clean_lines if key in LONG_TAGS else clean_line
        text = clean(value, field, TAG_CHARACTERS)
        if key == "isrc":
            text = text.replace("-", "").upper()
        if text and key in _SHAPES and not _SHAPES[key][0].fullmatch(text):
            raise Malformed(field, _SHAPES[key][1])
        if key == "date" and text:
            _check_date(text, field)
        if text:
            cleaned[key] = text
    return cleaned


def guessed_tags(filename: str) -> dict[str, str]:
    """Artist and title out of a name such as `03 Artist - Title.mp3`; nothing out of any other."""
    stem = filename.rpartition(".")[0] or filename
    if " " not in stem:
        stem = stem.replace("_", " ")
    artist, _, title = (part.strip() for part in _TRACK_NUMBER.sub("", stem, count=1).partition(" - "))
    if not (artist and title) or artist.isdigit():
        return {}
    return clean_tags({"artist": artist[:TAG_CHARACTERS], "title": title[:TAG_CHARACTERS]})


def _has_place(char: str) -> bool:
    if char in _KEPT_CONTROLS:
        return True
    return char not in _BIDI_CONTROLS and unicodedata.category(char) not in {"Cc", "Cs"}


def _check_date(text: str, field: str) -> None:
    """A year, a month or a day as ISO 8601 writes it, which is what ID3 can hold."""
    parts = text.split("-")
    bounds = ((1, 9999, 4), (1, 12, 2), (1, 31, 2))
    well_formed = len(parts) <= len(bounds) and all(
        len(part) == digits and part.isascii() and part.isdigit() and low <= int(part) <= high
        for part, (low, high, digits) in zip(parts, bounds, strict=False)
    )
    if not well_formed:
        raise Malformed(field, "it must be YYYY, YYYY-MM or YYYY-MM-DD")
