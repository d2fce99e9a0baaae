"""Migrations keep the rows of older schemas, under the new names."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config

from media_service.catalogue.rows import listed_row, upload_value
from media_service.catalogue.sqlite.migrate import migrate, writing_engine
from media_service.core.chapters import Chapter
from media_service.core.file_filters import FileFilters, Total
from media_service.core.files import LoudnessReport
from media_service.core.findings import Grade
from media_service.core.upload import PublishIntent
from media_service.core.upload_states import State
from tests.catalogue.samples import dump, grams_of, reopened, rows, write


def test_rows_from_before_covers_and_chapters_are_read(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    migrate(database, scripts, "0005")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO uploads (id, owner, dialect, state, filename, tags, created_at, updated_at)"
            " VALUES ('u', 'local', 'native', 'receiving', 'a.mp3', '{}', 1, 1)"
        )
    migrate(database, scripts)
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        upload = upload_value(connection.execute("SELECT * FROM uploads").fetchone())
    assert (upload.id, upload.cover, upload.chapters) == ("u", None, ())


def test_times_that_are_not_dates_are_removed_from_old_rows(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    migrate(database, scripts, "0006")
    times = [None, -1, 0, 5, 253_402_214_399_999_999, 253_402_214_400_000_000, -(2**63), "text"]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO uploads (id, owner, dialect, state, filename, tags, last_modified, created_at, updated_at)"
            " VALUES (?, 'local', 'native', 'receiving', 'a.mp3', '{}', ?, 1, 1)",
            enumerate(times),
        )
    migrate(database, scripts)
    with closing(sqlite3.connect(database)) as connection:
        kept = connection.execute("SELECT last_modified FROM uploads ORDER BY CAST(id AS INTEGER)").fetchall()
    assert kept == [(None,), (None,), (0,), (5,), (253_402_214_399_999_999,), (None,), (None,), (None,)]


async def test_rows_of_schema_0009_are_read_with_the_new_column_names(tmp_path: Path, scripts: Path) -> None:
    async with reopened(with_rows_of_0009(tmp_path / "catalogue.sqlite3", scripts)) as catalogue:
        loaded = await catalogue.load("deferred")
        assert loaded is not None
        upload, slices = loaded
        assert (upload.defer_completion, upload.updated_at, len(slices)) == (True, 7, 1)
        assert upload.protocol_fields == {"metadata": "filename YQ=="}
        (verified,) = await catalogue.in_state({State.VERIFIED})
        assert verified.publish_intent == PublishIntent("b.mp3", 5, b"\x00\xff", {"title": "밤"})
        assert not verified.defer_completion
        assert verified.protocol_fields is None
        assert await catalogue.stored_names(["b.mp3", "c.mp3", "d.mp3"]) == {"b.mp3", "c.mp3"}
        ((file, intent),) = await catalogue.retag_intents()
        assert (file.id, intent) == ("file", PublishIntent("c.mp3", 6, b"\xaa", {}, (Chapter(1, "x"),)))
        assert await catalogue.loudness("file") == LoudnessReport(-16.5, 3.5, -1.0, 0.25, 0.75, (1, 99))
        unmeasured = await catalogue.next_unmeasured()
        assert unmeasured is not None
        assert unmeasured.id == "proven"


def test_codes_grades_and_members_of_schema_0009_get_their_public_names(tmp_path: Path, scripts: Path) -> None:
    database = with_rows_of_0009(tmp_path / "catalogue.sqlite3", scripts)
    with closing(sqlite3.connect(database)) as connection:
        verdicts = dict(connection.execute("SELECT id, verdict FROM uploads WHERE verdict IS NOT NULL"))
        ((facts,),) = connection.execute("SELECT facts FROM uploads WHERE id = 'verified'")
        ((findings, audio),) = connection.execute("SELECT findings, audio FROM files WHERE id = 'proven'")
        grades = connection.execute("SELECT id, grade FROM files ORDER BY id").fetchall()
    assert grades == [("complete", "complete"), ("file", None), ("proven", "proven")]
    assert json.loads(verdicts["failed"]) == {"code": "finalize_failed", "details": {}}
    damaged = json.loads(verdicts["damaged"])
    assert damaged["details"]["finding"] == "chapter_after_end"
    assert [finding["code"] for finding in damaged["findings"]] == ["chapter_after_end", "cover_too_large"]
    assert json.loads(facts)["grade"] == "proven"
    assert json.loads(facts)["audio"] == json.loads(audio) == {"frames": 1, "suggested_tags": {"title": "Night"}}
    assert json.loads(facts)["findings"] == json.loads(findings)
    assert json.loads(findings)[0]["code"] == "chapter_after_end"


async def test_files_of_schema_0010_are_listed_as_if_they_were_delivered_now(tmp_path: Path, scripts: Path) -> None:
    database = with_rows_of_0009(tmp_path / "catalogue.sqlite3", scripts)
    async with reopened(database) as catalogue:
        files, _ = await catalogue.list_files("", "uploaded_at", None, 10)
        assert len(files) == len(rows(database, "SELECT id FROM files"))
        for file in files:
            assert file in (await catalogue.list_files(file.filename, "title", None, 10))[0]
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        listed = {row["file_id"]: dict(row) for row in connection.execute("SELECT * FROM listed_files")}
        connection.row_factory = None
        grams = grams_of(connection)
    assert grams is not None
    for number, file in enumerate(files, 1):
        columns, expected_grams = listed_row(file)
        assert listed[file.id] == columns | {"number": number}
        assert grams[number] == expected_grams


async def test_files_of_schema_0016_are_found_by_filters(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    insert_rows_of_0009(database, scripts)
    migrate(database, scripts, "0016")
    write(database, "UPDATE files SET sender = 'Kim Minho', place = 'taken' WHERE id = 'proven'")
    migrate(database, scripts)
    async with reopened(database) as catalogue:
        for filters in (FileFilters(sender="kim minho"), FileFilters(grade=Grade.PROVEN), FileFilters(taken=True)):
            found, _ = await catalogue.list_files("", "title", None, 10, filters=filters)
            assert [file.id for file in found] == ["proven"]
            assert await catalogue.count_files("by:minho", filters=filters) == Total(1, exact=True)


def test_files_with_unusable_values_are_listed_too(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    insert_rows_of_0009(database, scripts)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE files SET uploaded_at = 'text', duration = 9e999, size = x'00', title = CAST(x'ff' AS TEXT),"
            " artist = x'05', more_tags = ?, sender = x'00'",
            (r'{"label": "\ud800", "isrc": [], "mood": "a\u0000b"}',),
        )
    migrate(database, scripts)
    (listed,) = set(rows(database, "SELECT uploaded_at, duration, size, title, artist FROM listed_files"))
    assert listed == (0, 0.0, 0, "\ufffd", "")
    assert len(rows(database, "SELECT * FROM file_grams WHERE file_grams MATCH 'a\ue000b'")) == 3


def test_signature_of_what_is_no_text_rules_nothing_out(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    insert_rows_of_0009(database, scripts)
    migrate(database, scripts, "0018")
    write(database, "UPDATE listed_files SET text = CAST(text AS BLOB) WHERE file_id = 'proven'")
    migrate(database, scripts)
    signed = dict(rows(database, "SELECT file_id, signature_1 & signature_6 FROM listed_files"))
    assert signed.pop("proven") == -1
    assert -1 not in signed.values()


def test_texts_that_only_look_like_old_names_stay(tmp_path: Path, scripts: Path) -> None:
    texts = (
        "SELECT filename, tags, json_extract(verdict, '$.details.reason'),"
        " json_extract(verdict, '$.findings[0].actual') FROM uploads ORDER BY id"
    )
    database = tmp_path / "catalogue.sqlite3"
    insert_rows_of_0009(database, scripts)
    before = rows(database, texts)
    migrate(database, scripts)
    assert rows(database, texts) == before


def test_downgrade_to_schema_0009_loses_nothing(tmp_path: Path, scripts: Path) -> None:
    database = with_rows_of_0009(tmp_path / "catalogue.sqlite3", scripts)
    before = dump(database)
    engine = writing_engine(database)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
    engine.dispose()
    assert "silence_behind" in "".join(dump(database))
    migrate(database, scripts)
    assert dump(database) == before


def with_rows_of_0009(database: Path, scripts: Path) -> Path:
    """Return the database, migrated with the rows of `rows_0009.sql`."""
    insert_rows_of_0009(database, scripts)
    migrate(database, scripts)
    return database


def insert_rows_of_0009(database: Path, scripts: Path) -> None:
    migrate(database, scripts, "0009")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(Path(__file__).with_name("rows_0009.sql").read_text())
