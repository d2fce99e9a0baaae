"""Migrate a catalogue: `python -m media_service.catalogue.postgresql.migrate FOLDER`; the server loads no Alembic.

It reads the URL of the database from its input: other users of the machine see the arguments of processes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from media_service.catalogue.constructs import insert
from media_service.catalogue.postgresql.connections import UnusableDatabase, parameters, place
from media_service.catalogue.postgresql.functions import functions
from media_service.catalogue.schema import metadata
from media_service.catalogue.tables import usage
from media_service.core.quota import SERVICE_USAGE

if TYPE_CHECKING:
    from sqlalchemy import Engine

LOCK = 0x6D65646961
"""Key of the advisory lock under which one node at a time migrates."""


def engine_of(url: str) -> Engine:
    """Return an SQLAlchemy engine, which Alembic needs. Raise UnusableDatabase."""
    given = parameters(url)
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(**given), poolclass=NullPool)


def migrate(url: str, scripts: Path, revision: str = "head") -> None:
    """Make the newest schema in an empty database, or apply the missing migrations in `scripts`. All or nothing.

    Raise UnusableDatabase.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    engine = engine_of(url)
    try:
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            config.attributes["connection"] = connection
            if inspect(connection).has_table("alembic_version"):
                command.upgrade(config, revision)
            else:
                _create(connection)
                command.stamp(config, revision)
            for function in functions().values():
                connection.exec_driver_sql(function)
    except DBAPIError as error:
        raise UnusableDatabase(f"the database {place(url)} was not migrated: {error.orig}") from error
    finally:
        engine.dispose()


def _create(connection: Connection) -> None:
    """Create what the migrations before 0014 brought to SQLite step by step, as it is now."""
    metadata.create_all(connection, checkfirst=False)
    # Statements lock this row, so it must exist before the first upload.
    connection.execute(insert(usage).values(id=SERVICE_USAGE))


if __name__ == "__main__":
    try:
        migrate(sys.stdin.readline().strip(), Path(sys.argv[1]))
    except UnusableDatabase as unusable:
        sys.exit(f"media-service: {unusable}")
