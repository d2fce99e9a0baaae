"""A new catalogue. Alembic runs once per process, because it takes as long as the rest of a start."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from media_service.catalogue.migrate import migrate

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def write_new_catalogue(path: Path) -> None:
    """Write an empty catalogue with the newest schema, unless one exists."""
    if not path.exists():
        path.write_bytes(_newest())


@cache
def _newest() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.sqlite3"
        migrate(path, MIGRATIONS)
        return path.read_bytes()
