"""Chapters of a file, and the checks of what a client sends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from media_service.core.errors.requests import Malformed
from media_service.core.limits import MAX_CHAPTERS, NAME_CHARACTERS
from media_service.core.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

LATEST_START_SECONDS = 2**32 // 1000
"""ID3 counts milliseconds in 32 bits."""

_URL_CHARACTERS = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter from `start` (seconds, whole milliseconds) to the next one's start or the end of the audio."""

    start: float
    title: str
    url: str | None = None


def clean_chapters(given: Sequence[Chapter], duration: float | None = None) -> tuple[Chapter, ...]:
    """Return a client's chapters with cleaned titles. `duration` in seconds, None while it is unknown.

    Raise Malformed for too many chapters, starts that do not rise or are after the end, invalid titles and URLs.
    """
    if len(given) > MAX_CHAPTERS:
        raise Malformed("chapters", f"there are more than {MAX_CHAPTERS}")
    cleaned: list[Chapter] = []
    for number, chapter in enumerate(given):
        start = _checked_start(chapter.start, cleaned, duration, f"chapters.{number}.start")
        title = clean_line(chapter.title, f"chapters.{number}.title", NAME_CHARACTERS)
        if not title:
            raise Malformed(f"chapters.{number}.title", "it is empty")
        cleaned.append(Chapter(start, title, _checked_url(chapter.url, f"chapters.{number}.url")))
    return tuple(cleaned)


def audible_chapters(chapters: Sequence[Chapter], duration: float) -> tuple[Chapter, ...]:
    """Return the chapters that begin before the audio ends."""
    return tuple(chapter for chapter in chapters if chapter.start < duration)


def _checked_start(start: float, before: Sequence[Chapter], duration: float | None, field: str) -> float:
    # NaN fails both comparisons, so it is refused too.
    if not 0 <= start < LATEST_START_SECONDS:
        raise Malformed(field, "it must be seconds from the beginning")
    if before and round(start, 3) <= before[-1].start:
        raise Malformed(field, "each chapter must begin after the one before it")
    if duration is not None and round(start, 3) >= duration:
        raise Malformed(field, f"the audio ends at {duration} seconds")
    return round(start, 3)


def _checked_url(url: str | None, field: str) -> str | None:
    if not url:
        return None
    try:
        parts = urlsplit(url) if _URL_CHARACTERS.fullmatch(url) and len(url) <= NAME_CHARACTERS else None
        if parts is not None and parts.scheme in ("http", "https") and parts.hostname:
            return url
    except ValueError:
        pass
    raise Malformed(field, "it must be an http or https URL in ASCII")
