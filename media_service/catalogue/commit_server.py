"""The one place that commits. It runs in the sidecar.

Everything that waits when it comes round goes into one transaction, and is answered when that is durable: many slices
share one sync of the log, and a lone slice waits for nobody. There is one writing connection, so SQLite's lock is never
fought for; reads have their own and see what is committed.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.catalogue.ballast import Ballast
from media_service.catalogue.sql import SQL
from media_service.ipc.server import receive_requests, respond

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from media_service.catalogue.compiled import Statement

    Question = tuple[int, Sequence[Statement]]
    Outcome = tuple[str, str] | None

MAX_BATCH = 1024
"""At most so much goes into one transaction, so that the first of a crowd is not kept waiting for the last."""

DURABLE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")
"""WAL, and the log synced at each commit: with `synchronous=NORMAL` a power cut loses acknowledged rows."""


def open_for_writing(path: str) -> sqlite3.Connection:
    """A connection whose transactions, begun and ended by us, are durable when they end."""
    connection = sqlite3.connect(path, isolation_level=None)
    # The log and its index get the mode of the catalogue, which may be new and open to others.
    os.chmod(path, 0o600)  # noqa: PTH101  # the caller has text
    set_durability(connection)
    return connection


def set_durability(connection: sqlite3.Connection) -> None:
    """Its commits outlive a power cut."""
    for pragma in DURABLE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def serve(end: socket.socket, connect: Callable[[], sqlite3.Connection]) -> None:
    """Executes what is asked over the line, in its order, until that is closed.

    A question is statements that are executed all or none. Its answer is None once that is durable, or the error's
    name in SQLite and its text.
    """
    connection: sqlite3.Connection | None = None
    ballast: Ballast | None = None
    with suppress(sqlite3.Error):
        # Now, while there is room; where this fails, the first question is told why.
        connection = connect()
        ballast = _ballast_of(connection)
    for asked in receive_requests(end):
        for first in range(0, len(asked), MAX_BATCH):
            together = asked[first : first + MAX_BATCH]
            try:
                connection = connection or connect()
                ballast = ballast or _ballast_of(connection)
            except sqlite3.Error as error:
                respond(end, [(number, _told(error)) for number, _ in together])
            else:
                respond(end, _commit(connection, together, ballast))
                ballast.keep()
    if connection is not None:
        connection.close()


def _ballast_of(connection: sqlite3.Connection) -> Ballast:
    """Return the ballast of the connection's catalogue, with its room taken."""
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    ballast = Ballast(Path(path + ".ballast"))
    ballast.keep()
    return ballast


def _commit(
    connection: sqlite3.Connection, together: Sequence[Question], ballast: Ballast
) -> list[tuple[int, Outcome]]:
    """One transaction for all; where that fails, one for each, so that nobody fails for another's statements."""
    outcome = _attempt(connection, together)
    if _is_full(outcome):
        outcome = _attempt_on_full_disk(connection, together, ballast)
    if outcome is None or len(together) == 1:
        return [(number, outcome) for number, _ in together]
    return [(question[0], _attempt_alone(connection, question, ballast)) for question in together]


def _attempt_alone(connection: sqlite3.Connection, question: Question, ballast: Ballast) -> Outcome:
    outcome = _attempt(connection, [question])
    return _attempt_on_full_disk(connection, [question], ballast) if _is_full(outcome) else outcome


def _attempt_on_full_disk(connection: sqlite3.Connection, together: Sequence[Question], ballast: Ballast) -> Outcome:
    """Try again with the log emptied; and with the ballast's room if every question ends an upload, which frees more.

    For anything else the ballast stays: slices would soon have used it up. The log keeps its length, and is written
    from its beginning: to cut it off would give its room to others, and wait for readers.
    """
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
    outcome = _attempt(connection, together)
    ends = all(any(sql == SQL["delete_slices"] for sql, _ in statements) for _, statements in together)
    if _is_full(outcome) and ends and ballast.drop():
        outcome = _attempt(connection, together)
    return outcome


def _is_full(outcome: Outcome) -> bool:
    return outcome is not None and outcome[0] == "SQLITE_FULL"


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
