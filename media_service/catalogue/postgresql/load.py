"""Fill an empty catalogue with the rows of another one, in one transaction: all of them or none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import sql

from media_service.catalogue import usage_check
from media_service.catalogue.access_tables import audit
from media_service.catalogue.gram_index import CREATE_GRAMS_INDEX
from media_service.catalogue.postgresql.connections import SYNC_COMMITS, UnusableDatabase, connected, place
from media_service.catalogue.postgresql.dialect import sql_of
from media_service.catalogue.tables import listed_files, usage
from media_service.catalogue.transfer import TABLES
from media_service.core.quota import SERVICE_USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from psycopg import Connection
    from sqlalchemy import Table

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.usage_check import UsageRow
    from media_service.core.audit import AuditEntry

FILLED_FROM = "filled from"
"""Name of the secret that says from which data folder the rows came."""

_NUMBERED = ((listed_files, "number"), (audit, "id"))
"""Columns that the database counts up."""

_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND application_name = current_setting('application_name')"
)


def filled_from(url: str) -> str | None:
    """Return the folder from which the catalogue was filled, None if it was not. Raise UnusableDatabase."""
    with connected(url) as connection:
        found = connection.execute("SELECT value FROM secrets WHERE name = %s", (FILLED_FROM,)).fetchone()
    return None if found is None else str(found[0])


def check_unused(url: str) -> None:
    """Raise UnusableDatabase if the catalogue has rows, or nodes use it."""
    with connected(url) as connection:
        _check_unused(connection, url)


def _check_unused(connection: Connection[tuple[Any, ...]], url: str) -> None:
    if connection.execute(_OTHERS).fetchone() != (0,):
        raise UnusableDatabase(f"other processes of the service use the database {place(url)}: stop them first")
    for table in TABLES:
        # The migrations insert this row, with counts of 0.
        mine = sql.SQL("WHERE id <> {}").format(SERVICE_USAGE) if table is usage else sql.SQL("")
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} {})").format(sql.Identifier(table.name), mine)
        if connection.execute(query).fetchone() == (True,):
            raise UnusableDatabase(
                f"the database {place(url)} has {table.name} of its own: an installation moves into an empty one"
            )


@contextmanager
def loading(url: str) -> Iterator[Load]:
    """Yield what fills the catalogue; commit at the end. Raise UnusableDatabase, also as `check_unused`."""
    with connected(url) as connection:
        connection.execute(SYNC_COMMITS)
        with connection.transaction():
            # It waits while the other catalogue is read.
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            names = sql.SQL(", ").join(sql.Identifier(table.name) for table in TABLES)
            connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
            _check_unused(connection, url)
            connection.execute("DELETE FROM usage")
            # Made after all rows are there, it takes less time than with each of them.
            connection.execute("DROP INDEX ix_listed_files_grams")
            yield Load(connection)
            connection.execute(sql.SQL("ANALYZE {}").format(names))


class Load:
    """The transaction that fills the catalogue. Methods raise psycopg's errors, which `loading` maps."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def copy(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> int:
        """Insert rows, whose values are in the order of the columns; return how many the table has then."""
        self._copy(table.name, [column.name for column in table.columns], rows)
        return self._count(table.name)

    def index_words(self, done: Callable[[int], None]) -> None:
        """Make the index by which searches find the listed files; report how many to `done`."""
        for statement in CREATE_GRAMS_INDEX:
            self._connection.execute(statement.encode())
        done(self._count(listed_files.name))

    def _copy(self, table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def _count(self, table: str) -> int:
        found = self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert found is not None
        return int(found[0])

    def count_on(self) -> None:
        """Let the database count on from the highest numbers."""
        for table, column in _NUMBERED:
            name, number = sql.Identifier(table.name), sql.Identifier(column)
            self._connection.execute(
                sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(
                    table.name, column, number, name
                )
            )

    def save_secrets(self, secrets: Iterable[tuple[str, str]]) -> None:
        """Save what the nodes share, by name."""
        for name, value in secrets:
            self._connection.execute(
                "INSERT INTO secrets (name, value) VALUES (%s, %s) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def usage(self) -> list[UsageRow]:
        """Return every row of usage, by id."""
        return usage_check.compare(self._execute)

    def correct_usage(self, entry: AuditEntry) -> None:
        """Save what uploads and files add up to, with the entry."""
        usage_check.correct(self._execute, entry)

    def _execute(self, statement: Statement) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(*sql_of(statement))
        return cursor.fetchall() if cursor.description else []
