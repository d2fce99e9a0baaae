"""Migrations end in exactly the tables, in any folder, and completely or not at all."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from media_service.catalogue.schema import metadata
from media_service.catalogue.sqlite.migrate import migrate, writing_engine
from media_service.catalogue.sqlite.schema_version import is_current
from tests.catalogue.samples import dump

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = '''"""Stops halfway."""
from alembic import op
import sqlalchemy as sa
revision = "9999"
down_revision = "{newest}"
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer))
    op.execute("INSERT INTO no_such_table VALUES (1)")
'''


def is_described(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether SQLAlchemy can describe an object, which a virtual table and those of FTS5 for it are not."""
    return kind != "table" or name is None or not name.startswith("file_grams")


def test_migrations_of_an_empty_database_end_in_exactly_the_tables(path: Path) -> None:
    engine = writing_engine(path)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_described})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrated_and_created_databases_have_the_same_objects(path: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.sqlite3"
    engine = writing_engine(made)
    metadata.create_all(engine)
    engine.dispose()
    query = "SELECT type, name, tbl_name FROM sqlite_master WHERE tbl_name != 'alembic_version' ORDER BY 1, 2"
    shapes = []
    for each in (path, made):
        with closing(sqlite3.connect(each)) as connection:
            shapes.append(connection.execute(query).fetchall())
            without_rowid = connection.execute("SELECT wr FROM pragma_table_list('slices')").fetchall()
            assert without_rowid == [(1,)]
    assert shapes[0] == shapes[1]


def test_a_database_is_current_only_after_migrating(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    assert not is_current(database, scripts)
    assert not database.exists()
    sqlite3.connect(database).close()
    assert not is_current(database, scripts)
    migrate(database, scripts)
    assert is_current(database, scripts)


def test_an_older_schema_is_not_current(path: Path, scripts: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    assert not is_current(path, scripts)


def test_migrating_twice_is_harmless(path: Path, scripts: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO uploads (id, owner, dialect, state, filename, tags, created_at, updated_at)"
            " VALUES ('u', 'local', 'native', 'receiving', 'a.mp3', '{}', 1, 1)"
        )
    before = dump(path)
    migrate(path, scripts)
    assert dump(path) == before


def test_the_migrate_program_migrates(tmp_path: Path, scripts: Path) -> None:
    database = tmp_path / "catalogue.sqlite3"
    program = ("-W", "error", "-m", "media_service.catalogue.sqlite.migrate")
    command = [sys.executable, *program, str(database), str(scripts)]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == 0
    assert is_current(database, scripts)


def test_a_migrated_database_is_in_wal_mode(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_a_migration_that_stops_halfway_leaves_the_old_schema(path: Path, scripts: Path, tmp_path: Path) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(scripts, copy)
    newest = max(path.name[:4] for path in (copy / "versions").glob("0*.py"))
    (copy / "versions" / "9999_broken.py").write_text(BROKEN.replace("{newest}", newest))
    before = dump(path)
    with pytest.raises(Exception, match="no_such_table"):
        migrate(path, copy)
    assert dump(path) == before
    assert is_current(path, scripts)
    assert not is_current(path, copy)


@pytest.mark.parametrize(
    "name",
    [
        *("with space", "한국어", "100%", "a#b"),
        "what?",
        "%20",
    ],
)
def test_any_folder_can_hold_the_catalogue(tmp_path: Path, scripts: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    migrate(folder / "catalogue.sqlite3", scripts)
    assert is_current(folder / "catalogue.sqlite3", scripts)


@pytest.mark.parametrize("name", ["한국어 #", "100%"])
def test_the_service_may_be_installed_in_any_folder(tmp_path: Path, scripts: Path, name: str) -> None:
    copy = tmp_path / name / "migrations"
    shutil.copytree(scripts, copy)
    migrate(tmp_path / "catalogue.sqlite3", copy)
    assert is_current(tmp_path / "catalogue.sqlite3", copy)


def test_a_file_that_is_not_a_database_is_not_current(tmp_path: Path, scripts: Path) -> None:
    (tmp_path / "catalogue.sqlite3").write_bytes(b"no database " * 1000)
    assert not is_current(tmp_path / "catalogue.sqlite3", scripts)
