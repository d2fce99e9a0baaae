"""The schema in PostgreSQL: made once by nodes that start at the same time, exactly the tables, or nothing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from media_service.catalogue.postgresql.connections import UnusableDatabase
from media_service.catalogue.postgresql.migrate import engine_of, migrate
from media_service.catalogue.postgresql.schema_version import is_current
from media_service.catalogue.schema import metadata
from tests.support.postgres_catalogue import MIGRATIONS
from tests.support.postgresql import execute

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.postgresql import Databases

SHAPE = (
    "SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
)
"""What two databases with the same schema have in common."""

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def test_nodes_that_start_at_the_same_time_make_the_schema_once(database: str) -> None:
    assert not is_current(database, MIGRATIONS)
    with ThreadPoolExecutor(4) as nodes:
        list(nodes.map(lambda _: migrate(database, MIGRATIONS), range(4)))
    assert is_current(database, MIGRATIONS)
    assert execute(database, "SELECT * FROM usage") == [("service", 0, 0, 0, 0)]


def test_the_schema_is_exactly_the_tables(database: str) -> None:
    migrate(database, MIGRATIONS)
    engine = engine_of(database)
    with engine.connect() as connection:
        # SQLAlchemy does not describe the index of an expression.
        options = {"compare_type": True, "include_name": lambda name, *_: name != "ix_listed_files_grams"}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


def test_every_text_is_compared_byte_by_byte(database: str) -> None:
    migrate(database, MIGRATIONS)
    query = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C' "
        "AND table_name != 'alembic_version'"
    )
    assert execute(database, query) == []


def test_a_database_of_0015_becomes_exactly_the_tables(database: str) -> None:
    migrate(database, MIGRATIONS)
    created = {query: execute(database, query) for query in SHAPE}
    engine, config = engine_of(database), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0015")
    engine.dispose()
    assert execute(database, "SELECT to_regclass('trashed_files')") == [(None,)]
    migrate(database, MIGRATIONS)
    assert {query: execute(database, query) for query in SHAPE} == created


def test_a_changed_function_is_replaced(database: str) -> None:
    migrate(database, MIGRATIONS)
    execute(
        database,
        "CREATE OR REPLACE FUNCTION record_slices(pieces json) RETURNS TABLE (new_version integer, "
        "is_whole boolean) LANGUAGE sql AS 'SELECT 1, true'",
    )
    assert not is_current(database, MIGRATIONS)
    migrate(database, MIGRATIONS)
    assert is_current(database, MIGRATIONS)


def test_an_older_schema_is_not_current(database: str) -> None:
    migrate(database, MIGRATIONS)
    execute(database, "UPDATE alembic_version SET version_num = '0013'")
    assert not is_current(database, MIGRATIONS)


def test_a_migration_that_fails_changes_nothing(database: str, tmp_path: Path) -> None:
    migrate(database, MIGRATIONS)
    (tmp_path / "versions").mkdir()
    for path in [MIGRATIONS / "env.py", *(MIGRATIONS / "versions").glob("[0-9]*.py")]:
        (tmp_path / path.relative_to(MIGRATIONS)).write_text(path.read_text())
    newest = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    (tmp_path / "versions" / "9999_broken.py").write_text(
        f'from alembic import op\nrevision = "9999"\ndown_revision = "{newest}"\n'
        'def upgrade():\n    op.execute("CREATE TABLE half (id int)")\n    op.execute("SELECT 1 FROM nothing")\n'
    )
    with pytest.raises(UnusableDatabase, match=r"was not migrated: relation .nothing. does not exist"):
        migrate(database, tmp_path)
    assert execute(database, "SELECT to_regclass('half')") == [(None,)]
    assert is_current(database, MIGRATIONS)


def test_a_database_of_something_else_is_left_alone(database: str) -> None:
    execute(database, "CREATE TABLE uploads (id int)")
    with pytest.raises(UnusableDatabase, match="already exists"):
        migrate(database, MIGRATIONS)
    assert execute(database, TABLES) == [(1,)]


def test_a_database_without_unicode_is_refused(postgresql: Databases) -> None:
    url = postgresql.url("latin")
    execute(postgresql.url("postgres"), "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        with pytest.raises(UnusableDatabase, match="has the encoding LATIN1, and must have UTF8"):
            is_current(url, MIGRATIONS)
    finally:
        postgresql.drop(url)


def test_the_migrate_program_shows_no_url(database: str) -> None:
    command = [sys.executable, "-W", "error", "-m", "media_service.catalogue.postgresql.migrate", str(MIGRATIONS)]
    assert subprocess.run(command, input=database, text=True, check=False).returncode == 0
    assert is_current(database, MIGRATIONS)
    refused = subprocess.run(command, input=f"{database}x", text=True, check=False, capture_output=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("media-service: the database ")
    assert refused.stderr.count("\n") == 1
