"""Filters of the listing of files, besides the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.findings import Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFilters:
    """What the listed files have in common; None and False for anything.

    `sender`: their whole name, in any case, width and accents. `warnings`: the verdict is `warn`. `taken`: its
    reader took it. `since`, `until`: bounds of `uploaded_at` in UTC microseconds, the first one included.
    """

    sender: str | None = None
    grade: Grade | None = None
    warnings: bool = False
    taken: bool = False
    since: int | None = None
    until: int | None = None


NO_FILTERS = FileFilters()


@dataclass(frozen=True, slots=True)
class Total:
    """How many files a listing has; if not `exact`, at least so many."""

    files: int
    exact: bool
