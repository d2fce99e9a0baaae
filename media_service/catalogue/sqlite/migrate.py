"""Migrate a catalogue: `python -m media_service.catalogue.sqlite.migrate FILE FOLDER`; the server loads no Alembic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine, event
from sqlalchemy.pool import NullPool

from media_service.catalogue.sqlite.commit_server import set_durability

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def writing_engine(path: Path) -> Engine:
    """Return an SQLAlchemy engine, which Alembic needs, with the durability of the commit server."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # When sqlite3 begins transactions by itself, schema changes are not part of them; `_begin` does it.
        connection.isolation_level = None
        set_durability(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def migrate(database: Path, scripts: Path, revision: str = "head") -> None:
    """Apply the missing migrations in `scripts` to the database, which is created if it is missing."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    engine = writing_engine(database)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


if __name__ == "__main__":
    migrate(Path(sys.argv[1]), Path(sys.argv[2]))
