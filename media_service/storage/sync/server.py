"""Sync server, in the sidecar: sync partials, and read slices back for their digest.

Requests and notifications, as tuples; paths are bytes:

- `open path`, `close path`: the receiving process opened or closed this partial;
- `sync path`, `sync_folder path`: respond when it is durable;
- `digest path start stop`: respond with the SHA-256 of these bytes.

A result is None when done, bytes for a digest, or the errno of a failure.

Write-back errors: Linux reports a lost page once per open file description, and to one opened later only if none has
seen it (errseq_t). So partials are opened here before the first write; a restarted sidecar gets unreported errors.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from media_service.ipc.framing import NOTIFICATION_ID
from media_service.ipc.server import receive_requests, respond
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    Result = bytes | int | None

SYNC_THREADS = 32
"""Concurrent syncs: 64 clients on a slow disk wait for two."""

DIGEST_THREADS = 1
"""Concurrent digests: one uses a whole processor, and the event loop needs another."""

READ_BYTES = 256 * 1024
"""Bytes read at once; they are still in the processor's cache when they are hashed."""


def serve(connection: socket.socket) -> None:
    """Handle requests until the client closes the connection or dies; return when all of them are done."""
    SyncServer(connection).run()


class SyncServer:
    """Handle the requests of one connection, by `methods`, in threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._failure: Exception | None = None
        self._connection = connection
        self._sending = threading.Lock()
        self._files = OpenFiles()
        self._syncs = ThreadPoolExecutor(SYNC_THREADS, "sync")
        self._digests = ThreadPoolExecutor(DIGEST_THREADS, "digest")
        self.methods: dict[str, Callable[..., None]] = {
            "open": self._open,
            "close": self._close,
            "sync": self._sync,
            "sync_folder": self._sync_folder,
            "digest": self._digest,
        }

    def run(self) -> None:
        """Handle requests until the client closes the connection or dies; return when all of them are done."""
        try:
            for requests in receive_requests(self._connection):
                for request_id, (method, *arguments) in requests:
                    self.methods[method](request_id, *arguments)
        finally:
            self._syncs.shutdown()
            self._digests.shutdown()
            self._files.close_all()
        if self._failure is not None:
            raise self._failure

    def _open(self, _request_id: int, path: bytes) -> None:
        # If this fails, the first sync reports the error.
        with suppress(OSError):
            self._files.open(path)

    def _close(self, _request_id: int, path: bytes) -> None:
        self._files.close(path)

    def _sync(self, request_id: int, path: bytes) -> None:
        self._submit_with_file(self._syncs, request_id, path, os.fdatasync)

    def _sync_folder(self, request_id: int, path: bytes) -> None:
        self._syncs.submit(self._run, request_id, partial(fsync_directory, path))

    def _digest(self, request_id: int, path: bytes, start: int, stop: int) -> None:
        self._submit_with_file(self._digests, request_id, path, partial(sha256_of_range, start, stop))

    def _submit_with_file(
        self, executor: ThreadPoolExecutor, request_id: int, path: bytes, function: Callable[[int], bytes | None]
    ) -> None:
        """Submit a call with a copy of the descriptor, made in the order of the requests: a `close` may follow."""
        try:
            descriptor = self._files.duplicate(path)
        except OSError as error:
            self._respond(request_id, error.errno)
        else:
            executor.submit(self._run, request_id, partial(_call_and_close, function, descriptor))

    def _run(self, request_id: int, function: Callable[[], bytes | None]) -> None:
        """Run in a thread and respond. On an unexpected error close the connection, so that no client waits forever."""
        try:
            self._respond(request_id, _result_or_errno(function))
        except Exception as failure:
            self._failure = failure
            self._connection.shutdown(socket.SHUT_RDWR)

    def _respond(self, request_id: int, result: Result) -> None:
        if request_id != NOTIFICATION_ID:
            with self._sending:
                respond(self._connection, [(request_id, result)])


class OpenFiles:
    """Descriptors of the partials that the receiving process has open."""

    def __init__(self) -> None:
        self._descriptors: dict[bytes, int] = {}

    def open(self, path: bytes) -> int:
        """Return the file's descriptor, which stays open until `close`. Raise OSError."""
        if path not in self._descriptors:
            self._descriptors[path] = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return self._descriptors[path]

    def duplicate(self, path: bytes) -> int:
        """Return another descriptor of the same open file description, which the caller closes. Raise OSError."""
        return os.dup(self.open(path))

    def close(self, path: bytes) -> None:
        """Close the file: a deleted one uses disk space until it is closed everywhere."""
        descriptor = self._descriptors.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def close_all(self) -> None:
        """Close every file."""
        for path in list(self._descriptors):
            self.close(path)


def sha256_of_range(start: int, stop: int, descriptor: int) -> bytes:
    """Return the SHA-256 of these bytes of the file. Raise OSError, also if the file has fewer."""
    sha, block = hashlib.sha256(), memoryview(bytearray(min(READ_BYTES, stop - start)))
    while start < stop:
        count = os.preadv(descriptor, [block[: stop - start]], start)
        if not count:
            raise OSError(errno.EIO, "the file ended before what was written to it")
        sha.update(block[:count])
        start += count
    return sha.digest()


def _call_and_close(function: Callable[[int], bytes | None], descriptor: int) -> bytes | None:
    try:
        return function(descriptor)
    finally:
        os.close(descriptor)


def _result_or_errno(function: Callable[[], bytes | None]) -> Result:
    try:
        return function()
    except OSError as error:
        return error.errno or errno.EIO
