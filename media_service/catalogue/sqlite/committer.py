"""Commit batches of changes over one connection to the database."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from media_service.catalogue.sqlite.ballast import Ballast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.catalogue.compiled import Sql

    # `Change`, with the SQL of its statements.
    PlainChange: TypeAlias = tuple[Sequence[Sql], int | None, Sequence[Sql], bool]

# Name and text of the error, or None; whether the change was done, else refused; the rows that its statements returned.
Outcome: TypeAlias = "tuple[tuple[str, str] | None, bool, list[Any]]"


class Committer:
    """The connection, which is opened at the first request that finds a database."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._ballast: Ballast | None = None
        with suppress(sqlite3.Error):
            # Allocate the ballast while there is space. An error is reported to the first request instead.
            self._open()

    def commit(self, batch: Sequence[PlainChange]) -> list[Outcome]:
        """Return the outcome of each change: one transaction for all; if one fails, a transaction for each."""
        try:
            connection, ballast = self._open()
        except sqlite3.Error as error:
            return [_failure(error)] * len(batch)
        outcomes = _commit(connection, ballast, batch)
        if len(batch) > 1 and outcomes[0][0] is not None:
            return [outcome for change in batch for outcome in _commit(connection, ballast, [change])]
        return outcomes

    def after_response(self) -> None:
        """Allocate the ballast again if it was released."""
        if self._ballast is not None:
            self._ballast.ensure()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> tuple[sqlite3.Connection, Ballast]:
        connection = self._connection = self._connection or self._connect()
        if self._ballast is None:
            path = connection.execute("PRAGMA database_list").fetchone()[2]
            self._ballast = Ballast(Path(path + ".ballast"))
            self._ballast.ensure()
        return connection, self._ballast


def _commit(connection: sqlite3.Connection, ballast: Ballast, batch: Sequence[PlainChange]) -> list[Outcome]:
    """Execute the changes in one transaction. On a full disk, retry after a checkpoint, then without the ballast."""
    outcomes = _execute(connection, batch)
    if not _is_full(outcomes):
        return outcomes
    with suppress(sqlite3.Error):
        # The log is then overwritten from its start; truncating it would give its space to others and wait for readers.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
    outcomes = _execute(connection, batch)
    # Ending an upload frees more than it takes; slices would soon use up the ballast.
    if _is_full(outcomes) and all(ends_upload for *_, ends_upload in batch) and ballast.release():
        outcomes = _execute(connection, batch)
    return outcomes


def _execute(connection: sqlite3.Connection, batch: Sequence[PlainChange]) -> list[Outcome]:
    """Return the outcome of each change; the same error for all if one fails, and then none is committed."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.cursor()
        outcomes = [_apply(cursor, *change) for change in batch]
        connection.execute("COMMIT")
    except Exception as error:
        # Not only sqlite3.Error: an integer that SQLite cannot hold is an OverflowError. A full disk rolls back itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [_failure(error)] * len(batch)
    return outcomes


def _apply(
    cursor: sqlite3.Cursor,
    statements: Sequence[Sql],
    guard: int | None,
    further: Sequence[Sql],
    _ends_upload: bool,
) -> Outcome:
    rows: list[Any] = []
    for index, (sql, values) in enumerate(statements):
        before = len(rows)
        rows += cursor.execute(sql, values)
        if index == guard and len(rows) == before and cursor.rowcount <= 0:
            return None, False, rows
    if further and rows[-1][-1]:
        for sql, values in further:
            rows += cursor.execute(sql, values)
    return None, True, rows


def _is_full(outcomes: Sequence[Outcome]) -> bool:
    error = outcomes[0][0]
    return error is not None and error[0] == "SQLITE_FULL"


def _failure(error: Exception) -> Outcome:
    return (getattr(error, "sqlite_errorname", ""), f"{type(error).__name__}: {error}"), False, []
