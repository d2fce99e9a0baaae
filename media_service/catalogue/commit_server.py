"""The commit server: the only writer of the catalogue, in the sidecar, without SQLAlchemy.

One transaction commits all waiting requests: many slices share one sync of the log, and a single slice waits for no
others. With one writing connection there is no contention for SQLite's lock.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.catalogue.ballast import Ballast
from media_service.ipc.server import receive_requests, respond

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from media_service.catalogue.compiled import Statement

    # Whether the change ends an upload, and statements that are executed all or none.
    Change = tuple[bool, Sequence[Statement]]
    Request = tuple[int, Change]
    Outcome = tuple[str, str] | None

MAX_BATCH = 1024  # requests; limits how long the first one waits for the last

# With `synchronous=NORMAL` the log is not synced at each commit, and a power cut loses acknowledged rows.
DURABLE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")


def open_for_writing(path: str) -> sqlite3.Connection:
    """Return a connection with explicit, durable transactions."""
    connection = sqlite3.connect(path, isolation_level=None)
    # SQLite gives its log and index the mode of the database, which a new one has from the umask.
    os.chmod(path, 0o600)  # noqa: PTH101  # the caller has text
    set_durability(connection)
    return connection


def set_durability(connection: sqlite3.Connection) -> None:
    """Make the commits of this connection survive a power cut."""
    for pragma in DURABLE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def serve(end: socket.socket, connect: Callable[[], sqlite3.Connection]) -> None:
    """Execute requests in order until the socket is closed. The response is None when durable, else name and text."""
    committer = Committer(connect)
    for requests in receive_requests(end):
        for first in range(0, len(requests), MAX_BATCH):
            respond(end, committer.commit(requests[first : first + MAX_BATCH]))
            committer.after_response()
    committer.close()


class Committer:
    """Commit batches of requests over one connection; retry until it can be opened."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._ballast: Ballast | None = None
        with suppress(sqlite3.Error):
            # Allocate the ballast while there is space. An error is reported to the first request instead.
            self._open()

    def commit(self, batch: Sequence[Request]) -> list[tuple[int, Outcome]]:
        """Return the outcome of each request: one transaction for all; if it fails, one for each request."""
        try:
            connection, ballast = self._open()
        except sqlite3.Error as error:
            return [(number, _describe_error(error)) for number, _ in batch]
        outcome = _commit(connection, ballast, [change for _, change in batch])
        if outcome is None or len(batch) == 1:
            return [(number, outcome) for number, _ in batch]
        return [(number, _commit(connection, ballast, [change])) for number, change in batch]

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


def _commit(connection: sqlite3.Connection, ballast: Ballast, changes: Sequence[Change]) -> Outcome:
    """Execute the changes in one transaction. On a full disk, retry after a checkpoint, then without the ballast."""
    outcome = _execute(connection, changes)
    if not _is_full(outcome):
        return outcome
    with suppress(sqlite3.Error):
        # The log is then overwritten from its start; truncating it would give its space to others and wait for readers.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
    outcome = _execute(connection, changes)
    # Ending an upload frees more than it takes; slices would soon use up the ballast.
    if _is_full(outcome) and all(ends_upload for ends_upload, _ in changes) and ballast.release():
        outcome = _execute(connection, changes)
    return outcome


def _execute(connection: sqlite3.Connection, changes: Sequence[Change]) -> Outcome:
    statements = [statement for _, change in changes for statement in change]
    try:
        connection.execute("BEGIN IMMEDIATE")
        for sql, alike in groupby(statements, key=lambda statement: statement[0]):
            connection.executemany(sql, [values for _, values in alike])
        connection.execute("COMMIT")
    except Exception as error:
        # Not only sqlite3.Error: an integer that SQLite cannot hold is an OverflowError. A full disk rolls back itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return _describe_error(error)
    return None


def _is_full(outcome: Outcome) -> bool:
    return outcome is not None and outcome[0] == "SQLITE_FULL"


def _describe_error(error: Exception) -> Outcome:
    return getattr(error, "sqlite_errorname", ""), f"{type(error).__name__}: {error}"
