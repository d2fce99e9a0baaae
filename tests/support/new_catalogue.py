"""A new catalogue. Alembic runs once per process, because it takes as long as the rest of a start."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from media_service.catalogue.sqlite.migrate import migrate
from media_service.storage.sync.fsync import fsync_directory

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def write_new_catalogue(path: Path) -> None:
    """Write an empty catalogue with the newest schema, durably as SQLite would; one that is there already stays."""
    if not path.exists():
        with path.open("xb") as file:
            file.write(_newest())
            os.fsync(file.fileno())
        for folder in (path.parent, path.parent.parent):
            fsync_directory(folder)


@cache
def _newest() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.sqlite3"
        migrate(path, MIGRATIONS)
        return path.read_bytes()
