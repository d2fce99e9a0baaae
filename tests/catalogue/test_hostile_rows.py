"""Rows with arbitrary values: what is read of them can be serialized, and they hide no other row."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.catalogue.coercion import UnreadableRow
from media_service.catalogue.json_columns import findings_value
from media_service.catalogue.rows import file_row, file_value, loudness_value, slice_value, upload_row, upload_value
from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.errors.service import CatalogueError
from media_service.core.expiry import Lifetime
from media_service.core.files import Place, Trashed
from media_service.core.findings import CODES, Finding, Grade, Severity
from media_service.core.upload import Facts, PublishIntent, Slice, Upload, Verdict, ranges_of
from media_service.core.upload_states import State
from media_service.http.api.serializer import Serializer
from media_service.http.dialects.header_fields import http_date
from media_service.intake.receiving.active_uploads import ActiveUploads
from media_service.ipc.bus import LocalBus
from tests.catalogue.samples import keep, make_file
from tests.core.samples import FACTS, LIMITS, make_upload
from tests.support.serializing import NoLabels, OneSlug, served

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.catalogue.sqlite.catalogue import SqliteCatalogue

SERIALIZER = Serializer("/base", LIMITS, "", OneSlug(), NoLabels(), trash_lifetime=1)

HOSTILE_JSON = [
    *("", "{", "null", "[]", "{}", "1e999", "NaN", "[" * 100_000, "9" * 5000, '"text"', '{"a": NaN}', "[null, 1, {}]"),
    '[{"code": "from_the_future", "severity": "grave", "offset": 1e999, "expected": [], "actual": {}}]',
    '{"code": "from_the_future", "details": 3, "findings": [{"code": []}]}',
    '{"code": "damaged", "details": {"other": 1}, "findings": 7}',
    '{"code": "duplicate", "details": {"name": {"deep": [1]}, "more": 1}}',
    '{"media_type": [], "size": 1, "width": 1, "height": 1}',
    '[{"start": "0", "title": "x"}, {"start": 1}, {"start": 2, "title": "kept", "url": 7}]',
    '{"sha256": "zz", "content_hash": "00", "size": 1}',
    json.dumps({"sha256": "00", "content_hash": "00", "size": 1, "bitrate": 1, "sample_rate": 1, "channels": 1})[:-1]
    + ', "duration": 1, "grade": "silver", "audio": {"suggested_tags": [1], "n": NaN, "x": 1e999},'
    ' "audio_sha256": "00"}',
    '{"title": 5, "artist": "kept", "\\ud800": "\\udfff"}',
]

anything = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.binary(max_size=40),
    st.sampled_from(HOSTILE_JSON),
    st.sampled_from([253_402_300_800_000_000, -62_135_596_800_000_001, float("inf"), "0001-01-01"]),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
        max_leaves=8,
    ).map(json.dumps),
)

FINDING = Finding("sync_lost", Severity.REJECT, 5, 1, "x", 61.5, 68.0)
UPLOAD = make_upload(
    last_modified=7,
    cover=Cover("image/png", 5, 6, 7),
    chapters=(Chapter(0, "one", "http://x/"),),
    facts=Facts(9, b"1", b"2", 3.5, 4, 5, 6, b"7", Grade.COMPLETE, (FINDING,), {"suggested_tags": {"title": "부활"}}),
    verdict=Verdict("damaged", {"reason": "x", "finding": "sync_lost"}, (FINDING,)),
    publish_intent=PublishIntent("a.mp3", 5, b"1", {"title": "x"}, (Chapter(0, "one"),), has_cover=True),
    protocol_fields={"metadata": "a b"},
    tags={"title": "x"},
)
FILE = make_file(
    chapters=UPLOAD.chapters,
    has_cover=False,
    facts=UPLOAD.facts,
    place=Place.TRASH,
    trashed=Trashed(5, "person:p", "Kim", "too old"),
    removed_at=7,
)

changes_of_upload = st.dictionaries(st.sampled_from([*upload_row(UPLOAD)]), anything, max_size=6)
changes_of_file = st.dictionaries(st.sampled_from([*file_row(FILE)]), anything, max_size=6)


def shown(shape: Any) -> str:
    """Return the JSON that a client gets, which browsers must be able to parse."""
    return json.dumps(shape, allow_nan=False)


def view_of(upload: Upload, slices: list[Slice]) -> Any:
    register = ActiveUploads(None, Lifetime(idle=10**12, whole=10**13), LocalBus())  # type: ignore[arg-type]  # nothing is loaded
    return register.view(upload, ranges_of(slices))


def test_rows_are_read_as_they_were_written() -> None:
    assert upload_value(upload_row(UPLOAD)) == UPLOAD  # type: ignore[arg-type]  # a dict is read like a row
    assert file_value(file_row(FILE)) == FILE  # type: ignore[arg-type]  # a dict is read like a row


@given(changes_of_upload, st.sampled_from(State), anything, st.booleans())
def test_any_row_of_an_upload_can_be_shown(
    changes: dict[str, Any], state: State, last_recorded: Any, short: bool
) -> None:
    row: Any = upload_row(UPLOAD) | {"state": state.value} | changes
    try:
        upload = upload_value(row, last_recorded, short=short)
    except UnreadableRow:
        assert changes.keys() & {"id", "state"}
        return
    view = view_of(upload, [Slice(0, 10)])
    shown(served(SERIALIZER.upload(view)))
    shown(served(SERIALIZER.upload_row(view)))
    http_date(view.expires_at or upload.updated_at)


@pytest.mark.parametrize("stored", [*HOSTILE_JSON, None, 5, b"[1]"])
def test_a_short_value_has_only_the_first_chapter(stored: Any) -> None:
    chapters = json.dumps([{"start": 1, "title": "a"}, {"start": 2, "title": "b"}])
    for value in (stored, chapters):
        row: Any = upload_row(UPLOAD) | {"chapters": value}
        whole, short = upload_value(row).chapters, upload_value(row, short=True).chapters
        assert short in (whole[:1], ())
    assert len(short) == 1


@given(changes_of_file)
def test_any_row_of_a_file_can_be_shown(changes: dict[str, Any]) -> None:
    row: Any = file_row(FILE) | changes
    try:
        file = file_value(row)
    except UnreadableRow:
        assert changes.keys() & {"id", "upload_id"}
        return
    shown(served(SERIALIZER.file(file)))
    shown(served(SERIALIZER.file_row(file)))


@given(st.fixed_dictionaries(dict.fromkeys(("loudness", "loudness_range", "true_peak", "peaks"), anything)), anything)
def test_any_row_of_loudness_can_be_shown(row: dict[str, Any], silence: Any) -> None:
    row |= {"leading_silence": silence, "trailing_silence": silence}
    report = loudness_value(row)  # type: ignore[arg-type]  # a dict is read like a row
    shown(asdict(report))


@given(anything, anything, anything, anything)
def test_any_row_of_a_slice_can_be_merged(start: Any, stop: Any, digest: Any, name: Any) -> None:
    row: Any = {"start": start, "stop": stop, "digest": digest, "object": name}
    ranges_of([slice_value(row), Slice(3, 4)])


def test_a_finding_of_another_version_is_shown_with_its_code() -> None:
    found = Finding("from_the_future", Severity.WARN)
    assert "from_the_future" not in CODES
    assert found.to_dict_with_message()["message"] == "another version of the service found this"


def test_a_finding_of_an_older_version_has_no_times() -> None:
    stored = {name: value for name, value in FINDING.to_dict().items() if not name.endswith("_seconds")}
    assert findings_value([stored, FINDING.to_dict()]) == (Finding("sync_lost", Severity.REJECT, 5, 1, "x"), FINDING)


@pytest.mark.parametrize("value", ["from_the_future", None, b"x", 5])
async def test_one_row_that_cannot_be_read_hides_no_other(database: SqliteCatalogue, path: Path, value: Any) -> None:
    for number in range(3):
        await database.create(make_upload(id=f"u{number}", created_at=number))
    spoil(path, "UPDATE uploads SET state = ? WHERE id = 'u1'", value if value is not None else "")
    page, _ = await database.list_uploads(None, set(), None, 10)
    assert [upload.id for upload, _ in page] == ["u2", "u0"]
    with pytest.raises(CatalogueError):
        await database.load("u1")


@pytest.mark.parametrize(
    "column", ["tags", "facts", "verdict", "chapters", "protocol_fields", "cover", "publish_intent"]
)
@pytest.mark.parametrize("value", [*HOSTILE_JSON, b"\xff\xfe", -5])
async def test_uploads_with_any_json_are_listed(database: SqliteCatalogue, path: Path, column: str, value: Any) -> None:
    await database.create(UPLOAD)
    spoil(path, f"UPDATE uploads SET {column} = ?", value)  # names of the test's own
    page, _ = await database.list_uploads(None, set(), None, 10)
    assert [upload.id for upload, _ in page] == ["u"]
    assert shown(served(SERIALIZER.upload(view_of(*page[0]))))


async def test_files_with_any_json_are_listed_and_found(database: SqliteCatalogue, path: Path) -> None:
    await keep(database, *(make_file(number) for number in range(len(HOSTILE_JSON))))
    for column in ("findings", "audio", "more_tags", "chapters"):
        for number, value in enumerate(HOSTILE_JSON):
            spoil(path, f"UPDATE files SET {column} = ? WHERE id = 'f{number}'", value)
        files, _ = await database.list_files("", "-uploaded_at", None, 100)
        assert len(files) == len(HOSTILE_JSON)
        assert all(shown(served(SERIALIZER.file(file))) for file in files)


async def test_text_that_is_not_utf_8_is_listed(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    spoil(path, "UPDATE uploads SET filename = CAST(? AS TEXT)", b"\xffname")
    page, _ = await database.list_uploads(None, set(), None, 10)
    assert page[0][0].filename == "\ufffdname"


async def test_an_upload_with_an_unreadable_intent_is_not_delivered_twice(
    database: SqliteCatalogue, path: Path
) -> None:
    await database.create(make_upload(state=State.VERIFIED, facts=FACTS, publish_intent=UPLOAD.publish_intent))
    spoil(path, "UPDATE uploads SET publish_intent = ?", "{")
    (upload,) = await database.in_state({State.VERIFIED})
    assert upload.publish_intent is None
    assert upload.facts is None
    assert await database.stored_names(["a.mp3"]) == set()


def spoil(path: Path, statement: str, value: Any) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, (value,))
