"""Values in the query of a request."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed
from media_service.http.api.serializer import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

DATE_CHARACTERS = len("2027-01-31")


def flag(query: Mapping[str, str], name: str) -> bool:
    """Return whether a parameter is 1. Raise Malformed."""
    value = query.get(name, "0")
    if value not in ("0", "1"):
        raise Malformed(name, "must be 0 or 1")
    return value == "1"


def moment(query: Mapping[str, str], name: str, *, whole_day: bool = False) -> int | None:
    """Return a time of RFC 3339 as UTC microseconds, None without one; of a date its midnight in UTC.

    `whole_day`: of a date, the midnight after it. Raise Malformed.
    """
    text = query.get(name)
    if text is None:
        return None
    try:
        if len(text) == DATE_CHARACTERS:
            day = date.fromisoformat(text) + timedelta(days=whole_day)
            return to_microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        time = None
    if time is None or time.tzinfo is None:
        raise Malformed(name, "must be a date, or a time with its zone, such as 2027-01-31T12:00:00Z")
    return to_microseconds(time)
