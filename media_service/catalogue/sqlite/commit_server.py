"""The commit server: the only writer of the catalogue, in the sidecar, without SQLAlchemy.

One transaction commits all waiting requests of all processes: many slices share one sync of the log, and a single slice
waits for no others. With one writing connection there is no contention for SQLite's lock.
"""

from __future__ import annotations

import os
import selectors
import socket
import sqlite3
import struct
import threading
from collections import defaultdict
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from media_service.catalogue.sqlite.committer import Committer
from media_service.ipc.framing import FrameDecoder
from media_service.ipc.server import RECEIVE_BYTES, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.catalogue.sqlite.committer import Outcome, PlainChange

    Request = tuple["_Client", int, PlainChange]

MAX_BATCH = 1024  # requests; limits how long the first one waits for the last

SEND_SECONDS = 10
"""Seconds after which a process that reads no responses is disconnected: all others wait for it."""

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


class CommitServer:
    """Serve any number of connections with one committing thread, which also reads their sockets.

    A thread for each connection would have to hand its requests over, which takes longer than reading them.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._new: list[_Client] = []
        self._closing = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)
        self._thread.start()

    def serve(self, connection: socket.socket) -> None:
        """Serve the connection until its client closes it or dies. Raise the error that ended the committing thread."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        client = _Client(connection)
        with self._lock:
            if not self._closing:
                client.ended.clear()
                self._new.append(client)
                self._waker.send(b"\0")
        client.ended.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Commit what was received, stop serving, and close the database."""
        with self._lock:
            self._closing = True
            with suppress(OSError):
                self._waker.send(b"\0")
        self._thread.join()

    def _run(self) -> None:
        try:
            with closing(Committer(self._connect)) as committer:
                while not self._closing:
                    self._serve_once(committer)
        except BaseException as error:
            self._error = error
        finally:
            self._end_all()

    def _serve_once(self, committer: Committer) -> None:
        """Wait for requests, and commit those of every connection together."""
        requests: list[Request] = []
        for key, _ in self._selector.select():
            client: _Client | None = key.data
            if client is None:
                self._register_new()
                continue
            received = client.receive()
            if received is None:
                self._end(client)
            else:
                requests += [(client, number, change) for number, change in received]
        # Reads are last, because they must see what other connections brought before them.
        requests.sort(key=lambda request: _only_reads(request[2]))
        for first in range(0, len(requests), MAX_BATCH):
            self._commit(committer, requests[first : first + MAX_BATCH])

    def _commit(self, committer: Committer, batch: Sequence[Request]) -> None:
        outcomes = committer.commit([change for _, _, change in batch])
        results: defaultdict[_Client, list[tuple[int, Outcome]]] = defaultdict(list)
        for (client, number, _), outcome in zip(batch, outcomes, strict=True):
            results[client].append((number, outcome))
        for client, own in results.items():
            try:
                respond(client.connection, own)
            except BlockingIOError:
                self._end(client)
        committer.after_response()

    def _register_new(self) -> None:
        self._woken.recv(RECEIVE_BYTES)
        with self._lock:
            new, self._new = self._new, []
        for client in new:
            self._selector.register(client.connection, selectors.EVENT_READ, client)

    def _end(self, client: _Client) -> None:
        """Stop serving the client. Shut the socket down, so that a client that is alive learns of it."""
        if client.ended.is_set():
            return
        self._selector.unregister(client.connection)
        with suppress(OSError):
            client.connection.shutdown(socket.SHUT_RDWR)
        client.ended.set()

    def _end_all(self) -> None:
        with self._lock:
            self._closing = True
            for client in self._new:
                client.ended.set()
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                self._end(key.data)
        self._selector.close()
        self._waker.close()
        self._woken.close()


def _only_reads(change: PlainChange) -> bool:
    return all(sql.startswith("SELECT") for sql, _ in change[0])


class _Client:
    """A connection. `ended` is set while it is not served."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.decoder = FrameDecoder()
        self.ended = threading.Event()
        self.ended.set()

    def receive(self) -> list[tuple[int, PlainChange]] | None:
        """Return the requests that are complete; None if the client has closed the connection or died."""
        requests: list[tuple[int, PlainChange]] = []
        size = RECEIVE_BYTES
        # All of what has arrived: 64 slices are more than one read, and would wait for two syncs.
        while size == RECEIVE_BYTES and len(requests) < MAX_BATCH:
            try:
                received = self.connection.recv(RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionError:
                return requests or None
            size = len(received)
            requests += self.decoder.feed(received)
        return requests if requests or size else None
