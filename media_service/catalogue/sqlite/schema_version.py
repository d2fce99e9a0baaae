"""Compare a database's schema with the newest migration, at every start and so without loading Alembic."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_current(database: Path, scripts: Path) -> bool:
    """Return whether the database has the version in the name of the last file in `scripts/versions`."""
    newest = max(path.name.partition("_")[0] for path in (scripts / "versions").glob("[0-9]*.py"))
    if not database.exists():
        return False
    with closing(sqlite3.connect(database)) as connection:
        try:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]
        except sqlite3.DatabaseError:
            return False
