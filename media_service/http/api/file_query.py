"""The filters in the query of a listing of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed
from media_service.core.file_filters import FileFilters
from media_service.core.files import Place
from media_service.core.findings import Grade
from media_service.http.api.query_values import flag, moment

if TYPE_CHECKING:
    from collections.abc import Mapping


def file_filters(query: Mapping[str, str]) -> FileFilters:
    """Return the filters of a query. Raise Malformed."""
    place = query.get("place")
    if place not in (None, Place.TAKEN):
        raise Malformed("place", f"must be {Place.TAKEN}")
    return FileFilters(
        sender=query.get("sender", "").strip() or None,
        grade=_grade(query.get("grade")),
        warnings=flag(query, "warnings"),
        taken=place is not None,
        since=moment(query, "from"),
        until=moment(query, "to", whole_day=True),
    )


def _grade(name: str | None) -> Grade | None:
    try:
        return None if name is None else Grade(name)
    except ValueError:
        raise Malformed("grade", f"must be one of {', '.join(Grade)}") from None
