"""Values as JSON, and the limits of a listing's row."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, TypeAdapter

from media_service.core.chapters import Chapter
from media_service.core.details import LAST_MODIFIED_END_US
from media_service.core.files import Place, Trashed
from media_service.core.findings import Finding, Severity
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import State
from media_service.http.api.serializer import Serializer, format_time, to_microseconds
from media_service.http.dialects.header_fields import http_date
from media_service.intake.receiving.active_uploads import UploadView
from tests.catalogue.samples import make_file
from tests.core.samples import FACTS, LIMITS, make_upload
from tests.support.serializing import NoLabels, OneSlug, served

pytestmark = pytest.mark.once

SERIALIZER = Serializer("", LIMITS, "", OneSlug(), NoLabels(), trash_lifetime=1)
AWARE = TypeAdapter(AwareDatetime)

offsets = st.integers(-24 * 60 + 1, 24 * 60 - 1)
moments = st.one_of(
    st.datetimes(), st.datetimes(max_value=datetime(1, 1, 2)), st.datetimes(min_value=datetime(9999, 12, 30))
)


@given(moments, offsets)
def test_every_datetime_is_formatted_or_none(moment: datetime, offset: int) -> None:
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    text = f"{moment.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"
    given_by_client = AWARE.validate_json(json.dumps(text))
    count = to_microseconds(given_by_client)
    written = format_time(count)
    if written is None:
        assert not 0 <= count < LAST_MODIFIED_END_US
    else:
        assert datetime.fromisoformat(written) == given_by_client


@given(st.integers())
def test_every_microsecond_count_is_formatted_or_none(count: int) -> None:
    written = format_time(count)
    if written is not None:
        assert to_microseconds(datetime.fromisoformat(written)) == count


@given(st.integers())
def test_every_microsecond_count_has_an_http_date(count: int) -> None:
    written = parsedate_to_datetime(http_date(count))
    if 0 <= count < LAST_MODIFIED_END_US:
        assert written == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=count // 1_000_000)


def listed(spans: int = 0, **changes: Any) -> dict[str, Any]:
    received = Ranges(Span(2 * number, 2 * number + 1) for number in range(spans))
    return served(SERIALIZER.upload_row(UploadView(make_upload(**changes), received, None)))


def test_complete_row_is_not_marked_short() -> None:
    row = listed(tags={"title": "x" * 200, "artist": "a", "album": "b", "date": "2026", "genre": "c"}, spans=16)
    assert row["short"] is False
    assert row["tags"]["title"] == "x" * 200
    assert len(row["received"]) == 16


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {"title": "x" * 201}},
        {"tags": {"comment": "x"}},
        {"tags": {"lyrics": "x"}},
        {"chapters": (Chapter(0, "one"),)},
        {"spans": 17},
        {"facts": FACTS, "state": State.SPOOLED, "findings": 4},
        {"facts": FACTS, "offered": {"title": "부활"}},
    ],
    ids=str,
)
def test_incomplete_row_is_marked_short(changes: dict[str, Any]) -> None:
    if "facts" in changes:
        findings = (Finding("trailing_junk", Severity.WARN),) * changes.pop("findings", 0)
        audio = {"suggested_tags": changes.pop("offered", {})}
        changes["facts"] = make_file().facts.__class__(
            **{name: getattr(FACTS, name) for name in FACTS.__slots__} | {"findings": findings, "audio": audio}
        )
    row = listed(**changes)
    assert row["short"] is True
    assert len(row["received"]) <= 16
    assert len(row["findings"]) <= 3
    assert all(len(value) <= 200 for value in row["tags"].values())
    assert not row.keys() & {"chapters", "suggested_tags"}
    assert not row["tags"].keys() & {"comment", "lyrics"}


def test_upload_lists_at_most_256_spans() -> None:
    received = Ranges(Span(2 * number, 2 * number + 1) for number in range(300))
    upload = served(SERIALIZER.upload(UploadView(make_upload(), received, None)))
    assert upload["received"] == [[2 * number, 2 * number + 1] for number in range(256)]


def test_file_row_has_the_columns_of_the_table() -> None:
    file = make_file(tags={"title": "x" * 4096, "comment": "y" * 4096, "genre": "z"}, chapters=(Chapter(0, "one"),))
    row = served(SERIALIZER.file_row(file))
    assert (row["title"], row["artist"], row["genre"]) == ("x" * 199 + "…", None, "z")
    assert row["short"] is True
    assert not row.keys() & {"comment", "lyrics", "chapters", "audio", "suggested_tags"}
    assert served(SERIALIZER.file(file))["comment"] == "y" * 4096
    assert served(SERIALIZER.file_row(make_file()))["short"] is False


@pytest.mark.parametrize("shape", [SERIALIZER.upload, SERIALIZER.upload_row])
def test_the_largest_rows_are_bounded(shape: Any) -> None:
    # Each of these characters has two bytes, and six in JSON.
    tags = dict.fromkeys(("title", "artist"), "é" * 4000)
    upload = make_upload(filename="é" * 1024, sender="é" * 1024, tags=tags)
    size = len(json.dumps(served(shape(UploadView(upload, Ranges(), None)))))
    assert size < (64 if shape == SERIALIZER.upload else 18) * 1024


def test_uploads_and_files_have_the_slug_of_their_collection() -> None:
    for collection, slug in ((None, None), ("c", "night")):
        view = UploadView(make_upload(collection=collection), Ranges(), None)
        file = make_file(collection=collection)
        for shape in (SERIALIZER.upload(view), SERIALIZER.upload_row(view), SERIALIZER.file(file)):
            assert served(shape)["collection"] == slug
        assert served(SERIALIZER.file_row(file))["collection"] == slug


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        (None, None),
        ("person:p", {"id": "person:p", "name": "Kim"}),
        ("link:l", {"id": "link:l", "name": "Kim"}),
        ("admin_token", {"id": "admin_token", "name": "Kim"}),
        ("the digest of a cookie", {"id": None, "name": "Kim"}),
    ],
)
def test_a_file_in_the_trash_says_who_put_it_there_unless_that_is_a_cookie(by: str | None, shown: object) -> None:
    file = make_file(place=Place.TRASH, trashed=Trashed(1_000_000, by, "Kim", "too old"))
    expected = {
        "at": "1970-01-01T00:00:01Z",
        "by": shown,
        "reason": "too old",
        "purge_at": "1970-01-01T00:00:01.000001Z",
    }
    for members in (served(SERIALIZER.file(file)), served(SERIALIZER.file_row(file))):
        assert (members["place"], members["trash"], members["removed_at"]) == ("trash", expected, None)


def test_a_purged_file_is_in_no_trash() -> None:
    file = make_file(place=Place.PURGED, trashed=Trashed(1), removed_at=2_000_000)
    members = served(SERIALIZER.file(file))
    assert (members["place"], members["trash"], members["removed_at"]) == ("purged", None, "1970-01-01T00:00:02Z")
