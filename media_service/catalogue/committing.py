"""The one place that commits. It runs in the process aside.

Everything that waits when it comes round goes into one transaction, and is answered when that is durable: many slices
share one sync of the log, and a lone slice waits for nobody. There is one writing connection, so SQLite's lock is never
fought for; reads have their own and see what is committed.
"""

from __future__ import annotations

import sqlite3
from itertools import groupby
from typing import TYPE_CHECKING

from media_service.aside.answering import answer, questions

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from media_service.catalogue.statements import Statement

    Question = tuple[int, Sequence[Statement]]
    Outcome = tuple[str, str] | None

BATCH = 1024
"""At most so much goes into one transaction, so that the first of a crowd is not kept waiting for the last."""

DURABLE = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")
"""WAL, and the log synced at each commit: with `synchronous=NORMAL` a power cut loses acknowledged rows."""


def writing_connection(path: str) -> sqlite3.Connection:
    """A connection whose transactions, begun and ended by us, are durable when they end."""
    connection = sqlite3.connect(path, isolation_level=None)
    make_durable(connection)
    return connection


def make_durable(connection: sqlite3.Connection) -> None:
    """Its commits outlive a power cut."""
    for pragma in DURABLE:
        connection.execute(f"PRAGMA {pragma}").close()


def serve(end: socket.socket, connect: Callable[[], sqlite3.Connection]) -> None:
    """Executes what is asked over the line, in its order, until that is closed.

    A question is statements that are executed all or none. Its answer is None once that is durable, or the error's
    name in SQLite and its text.
    """
    connection: sqlite3.Connection | None = None
    for asked in questions(end):
        for first in range(0, len(asked), BATCH):
            together = asked[first : first + BATCH]
            try:
                connection = connection or connect()
            except sqlite3.Error as error:
                answer(end, [(number, _told(error)) for number, _ in together])
            else:
                answer(end, _commit(connection, together))
    if connection is not None:
        connection.close()


def _commit(connection: sqlite3.Connection, together: Sequence[Question]) -> list[tuple[int, Outcome]]:
    """One transaction for all; where that fails, one for each, so that nobody fails for another's statements."""
    outcome = _attempt(connection, together)
    if outcome is None or len(together) == 1:
        return [(number, outcome) for number, _ in together]
    return [(question[0], _attempt(connection, [question])) for question in together]


def _attempt(connection: sqlite3.Connection, together: Sequence[Question]) -> Outcome:
    every = [statement for _, statements in together for statement in statements]
    try:
        connection.execute("BEGIN IMMEDIATE")
        for sql, alike in groupby(every, key=lambda statement: statement[0]):
            connection.executemany(sql, [values for _, values in alike])
        connection.execute("COMMIT")
    except Exception as error:
        # A value that SQLite cannot hold is no error of SQLite's, and a full disk ends the transaction by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return _told(error)
    return None


def _told(error: Exception) -> Outcome:
    return getattr(error, "sqlite_errorname", ""), f"{type(error).__name__}: {error}"
