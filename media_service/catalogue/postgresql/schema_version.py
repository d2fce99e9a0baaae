"""Compare a database's schema with this version of the service, at every start and so without loading Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.postgresql.connections import UnusableDatabase, connected, place
from media_service.catalogue.postgresql.functions import body_of, functions

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from psycopg import Connection

OLDEST_SERVER = 14


def is_current(url: str, scripts: Path) -> bool:
    """Return whether the database has the newest migration in `scripts/versions`, and our functions.

    Raise UnusableDatabase, also for a server that the catalogue cannot be in.
    """
    newest = max(path.name.partition("_")[0] for path in (scripts / "versions").glob("[0-9]*.py"))
    with connected(url) as connection:
        _check_server(connection, url)
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return False
        if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(newest,)]:
            return False
        names = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
        sources = dict(connection.execute(names).fetchall())
    return all(sources.get(name) == body_of(function) for name, function in functions().items())


def _check_server(connection: Connection[Any], url: str) -> None:
    """Raise UnusableDatabase for a server that is too old, or whose texts are not Unicode."""
    version, encoding = connection.info.server_version // 10_000, connection.info.parameter_status("server_encoding")
    if version < OLDEST_SERVER:
        raise UnusableDatabase(f"the server of {place(url)} is PostgreSQL {version}, older than {OLDEST_SERVER}")
    if encoding != "UTF8":
        raise UnusableDatabase(f"the database {place(url)} has the encoding {encoding}, and must have UTF8")
