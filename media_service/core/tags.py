"""Tags that a client may send: names, order, and checks of the values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed
from media_service.core.limits import TAG_CHARACTERS
from media_service.core.text import clean_line, clean_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTED_TAGS = ("title", "artist", "album", "date", "genre", "comment")
MORE_TAGS = (
    *("album_artist", "track", "disc", "composer", "isrc", "label", "copyright", "language"),
    *("bpm", "key", "mood", "grouping", "description", "lyrics"),
)

TAGS = LISTED_TAGS + MORE_TAGS
"""All tags that a client may send, in display order."""

LONG_TAGS = frozenset({"comment", "lyrics"})
"""Tags that keep their line breaks."""

_SHAPES = {
    "track": (re.compile(r"\d{1,5}(/\d{1,5})?", re.ASCII), "it must be 3 or 3/12"),
    "disc": (re.compile(r"\d{1,5}(/\d{1,5})?", re.ASCII), "it must be 1 or 1/2"),
    "isrc": (re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", re.ASCII), "it must be 12 characters such as GBAYE0000351"),
    "language": (re.compile(r"[A-Za-z]{3}", re.ASCII), "it must be three letters of ISO 639-2"),
    "bpm": (re.compile(r"\d{1,4}", re.ASCII), "it must be a whole number"),
    "key": (re.compile(r"([A-G][b#]?m?|o|\d{1,2}[ABdm])", re.ASCII), "it must be a key such as Ebm or 8A"),
}

_TRACK_NUMBER = re.compile(r"\s*(?:\d{1,3}(?:\s*[.)]\s*|\s+-\s+)|0\d\s+)(?=.* - )", re.ASCII)
"""A track number before the artist."""


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return a client's tags, cleaned and without empty ones. Raise Malformed."""
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
    """Return artist and title from a name such as `03 Artist - Title.mp3`, nothing from any other."""
    stem = filename.rpartition(".")[0] or filename
    if " " not in stem:
        stem = stem.replace("_", " ")
    artist, _, title = (part.strip() for part in _TRACK_NUMBER.sub("", stem, count=1).partition(" - "))
    if not (artist and title) or artist.isdigit():
        return {}
    return clean_tags({"artist": artist[:TAG_CHARACTERS], "title": title[:TAG_CHARACTERS]})


def _check_date(text: str, field: str) -> None:
    """Raise Malformed unless the text is a year, month or day of ISO 8601, as ID3 stores it."""
    parts = text.split("-")
    bounds = ((1, 9999, 4), (1, 12, 2), (1, 31, 2))
    well_formed = len(parts) <= len(bounds) and all(
        len(part) == digits and part.isascii() and part.isdigit() and low <= int(part) <= high
        for part, (low, high, digits) in zip(parts, bounds, strict=False)
    )
    if not well_formed:
        raise Malformed(field, "it must be YYYY, YYYY-MM or YYYY-MM-DD")
