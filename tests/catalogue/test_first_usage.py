"""The migration that begins to count what the service has: uploads and files of older versions count too."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from media_service.catalogue.sqlite import usage_check
from media_service.catalogue.sqlite.migrate import migrate
from media_service.core.quota import FIRST_CHARGE_BYTES
from tests.catalogue.samples import rows
from tests.catalogue.test_migrated_rows import with_rows_of_0009

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_there_already_counts_for_the_service(tmp_path: Path, scripts: Path) -> None:
    database = with_rows_of_0009(tmp_path / "catalogue.sqlite3", scripts)
    assert rows(database, "SELECT * FROM usage") == [("service", 3, 27, 3, 3 * FIRST_CHARGE_BYTES)]
    assert all(row.is_right for row in usage_check.check(database))


def test_open_uploads_of_schema_0012_have_reserved_what_they_announced_or_sent(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    migrate(database, scripts, "0012")
    uploads = [("known", 5, "receiving"), ("done", 7, "verified"), ("small", None, "receiving")]
    uploads += [("large", None, "receiving"), ("rejected", 11, "rejected"), ("ended", 13, "cancelled")]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO uploads (id, owner, dialect, length, state, filename, tags, created_at, updated_at)"
            " VALUES (?, 'local', 'native', ?, ?, 'a.mp3', '{}', 1, 1)",
            uploads,
        )
        stops = [("small", 0, 9), ("large", 0, 10), ("large", 10, FIRST_CHARGE_BYTES + 3)]
        connection.executemany("INSERT INTO slices (upload_id, start, stop, recorded_at) VALUES (?, ?, ?, 1)", stops)
    migrate(database, scripts)
    charged = {"known": 5, "done": 7, "small": FIRST_CHARGE_BYTES, "large": FIRST_CHARGE_BYTES + 3}
    expected = charged | {"rejected": 0, "ended": 0}
    assert dict(rows(database, "SELECT id, charged FROM uploads")) == expected
    assert rows(database, "SELECT * FROM usage") == [("service", 0, 0, 4, sum(charged.values()))]
    assert all(row.is_right for row in usage_check.check(database))
