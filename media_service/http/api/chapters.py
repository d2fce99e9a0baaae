"""Chapters in JSON bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from media_service.core.chapters import Chapter
from media_service.http.body import Text

if TYPE_CHECKING:
    from collections.abc import Iterable


class ChapterField(BaseModel):
    """One chapter in the body of a request; `start` in seconds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    start: Annotated[float, Field(allow_inf_nan=False)]
    title: Text
    url: Text | None = None


def to_chapters(chapters: Iterable[ChapterField]) -> list[Chapter]:
    """Return the chapters as values of the core."""
    return [Chapter(field.start, field.title, field.url) for field in chapters]
