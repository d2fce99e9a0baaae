"""The filters in the query of a listing of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed
from media_service.core.file_filters import NO_FILTERS, FileFilters
from media_service.core.files import Place
from media_service.core.findings import Grade
from media_service.http.api.query_values import flag, moment

if TYPE_CHECKING:
    from collections.abc import Mapping


def file_filters(query: Mapping[str, str]) -> FileFilters:
    """Return the filters of a query. Raise Malformed, also for some with which the trash is to be listed."""
    place = wanted_place(query)
    filters = FileFilters(
        sender=query.get("sender", "").strip() or None,
        grade=_grade(query.get("grade")),
        warnings=flag(query, "warnings"),
        taken=place is Place.TAKEN,
        since=moment(query, "from"),
        until=moment(query, "to", whole_day=True),
    )
    if place is Place.TRASH and filters != NO_FILTERS:
        raise Malformed("place", "the trash has no filters")
    return filters


def wanted_place(query: Mapping[str, str]) -> Place | None:
    """Return the place where the listed files are, None for those in the spool and taken ones. Raise Malformed."""
    place = query.get("place")
    if place not in (None, Place.TAKEN, Place.TRASH):
        raise Malformed("place", f"must be {Place.TAKEN} or {Place.TRASH}")
    return None if place is None else Place(place)


def _grade(name: str | None) -> Grade | None:
    try:
        return None if name is None else Grade(name)
    except ValueError:
        raise Malformed("grade", f"must be one of {', '.join(Grade)}") from None
