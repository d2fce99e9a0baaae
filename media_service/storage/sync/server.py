"""The end that waits for the disk, in the process aside: syncs of partials, and slices read back for their digest.

What is asked, each as a tuple, with paths in the system's own bytes:

- `hold path`, `let_go path`: the server opened and closed this partial;
- `sync path`, `sync_folder path`: answered when it is durable;
- `digest path start stop`: answered with the SHA-256 of these bytes.

An answer is None for what is done, bytes for a digest, and the system's error number for what failed.

It opens files of its own, and still no lost page is missed: the kernel tells of one to every descriptor that was open
when it was lost, and to the first one opened behind that where nobody was told yet. A partial is held from before the
server's first write to it, so that nobody else's sync may be told instead; and a new process, behind one that died,
hears what was not told before.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from media_service.ipc.framing import NOTIFICATION_ID
from media_service.ipc.server import receive_requests, respond
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from collections.abc import Callable

SYNCS = 32
"""Syncs that may wait for the disk at once: half a crowd, which so asks a slow disk twice a round."""

READ = 256 * 1024
"""Bytes that are read at once: few enough to be still in the processor's cache when they are hashed."""


def serve(end: socket.socket) -> None:
    """Does what is asked until the server closes the line or dies; returns when all of it is done."""
    flushing = _Flushing(end)
    try:
        for asked in receive_requests(end):
            for number, (act, *given) in asked:
                flushing.acts[act](number, *given)
    finally:
        flushing.close()
    if flushing.failure is not None:
        raise flushing.failure


class _Flushing:
    def __init__(self, end: socket.socket) -> None:
        self.failure: Exception | None = None
        self._end = end
        self._saying = threading.Lock()
        self._files = _Files()
        self._syncs = _Threads(SYNCS, self._break)
        # One, because hashing takes a processor, and the server needs the other.
        self._reads = _Threads(1, self._break)
        self._digests = _Digests()
        self.acts: dict[str, Callable[..., None]] = {
            "hold": self._hold,
            "let_go": self._let_go,
            "sync": self._sync,
            "sync_folder": self._sync_folder,
            "digest": self._digest,
        }

    def close(self) -> None:
        self._syncs.close()
        self._reads.close()
        self._files.close()

    def _hold(self, _number: int, path: bytes) -> None:
        # Where it cannot be opened, the first sync says so.
        with suppress(OSError):
            self._files.hold(path)

    def _let_go(self, _number: int, path: bytes) -> None:
        self._files.let_go(path)

    def _sync(self, number: int, path: bytes) -> None:
        self._with_file(number, path, lambda lent: self._syncs.give(partial(self._run, number, lent, _synced)))

    def _sync_folder(self, number: int, path: bytes) -> None:
        self._syncs.give(lambda: self._say(number, _attempt(fsync_directory, path)))

    def _digest(self, number: int, path: bytes, start: int, stop: int) -> None:
        read = partial(self._digests.of, start, stop)
        self._with_file(number, path, lambda lent: self._reads.give(partial(self._run, number, lent, read)))

    def _with_file(self, number: int, path: bytes, act: Callable[[int], None]) -> None:
        """Opened here, in the order of what was asked: whoever waits for a thread must not open what was let go."""
        try:
            lent = self._files.lend(path)
        except OSError as error:
            self._say(number, error.errno)
        else:
            act(lent)

    def _run(self, number: int, lent: int, act: Callable[[int], bytes | None]) -> None:
        """In a thread: acts on a lent descriptor, gives it back and says how it went."""
        try:
            said = _attempt(act, lent)
        finally:
            os.close(lent)
        self._say(number, said)

    def _break(self, failure: Exception) -> None:
        """Nobody will answer what a broken thread was asked: whoever waits hears it from the line's end."""
        self.failure = failure
        self._end.shutdown(socket.SHUT_RDWR)

    def _say(self, number: int, said: bytes | int | None) -> None:
        if number != NOTIFICATION_ID:
            with self._saying:
                respond(self._end, [(number, said)])


class _Files:
    """Descriptors of the partials that the server has open. One that is used is a copy, so each may be closed."""

    def __init__(self) -> None:
        self._open: dict[bytes, int] = {}

    def hold(self, path: bytes) -> int:
        """Its descriptor, open until it is let go. Raises OSError."""
        if path not in self._open:
            self._open[path] = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return self._open[path]

    def lend(self, path: bytes) -> int:
        """A descriptor of the same open file, to be closed by who asks. Raises OSError."""
        return os.dup(self.hold(path))

    def let_go(self, path: bytes) -> None:
        """A deleted file keeps its room until it is closed everywhere."""
        descriptor = self._open.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        for path in list(self._open):
            self.let_go(path)


class _Digests:
    """Reads slices back into one block. Used by one thread."""

    def __init__(self) -> None:
        self._block = memoryview(bytearray(READ))

    def of(self, start: int, stop: int, descriptor: int) -> bytes:
        """The SHA-256 of these bytes. Raises OSError, also where the file has fewer."""
        sha = hashlib.sha256()
        while start < stop:
            count = os.preadv(descriptor, [self._block[: stop - start]], start)
            if not count:
                raise OSError(errno.EIO, "the file ended before what was written to it")
            sha.update(self._block[:count])
            start += count
        return sha.digest()


class _Threads:
    """At most so many threads, each started when none is free. `concurrent.futures` costs ten times as much an act."""

    def __init__(self, most: int, broken: Callable[[Exception], None]) -> None:
        self._most = most
        self._broken = broken
        self._acts: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._free = threading.Semaphore(0)

    def give(self, act: Callable[[], object]) -> None:
        """From one thread only."""
        self._acts.put(act)
        if not self._free.acquire(blocking=False) and len(self._threads) < self._most:
            thread = threading.Thread(target=self._run)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Returns when everything given is done."""
        for _ in self._threads:
            self._acts.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            while (act := self._acts.get()) is not None:
                act()
                self._free.release()
        except Exception as failure:
            # The top of a thread: whatever it was, those who wait must hear of it.
            self._broken(failure)


def _attempt(act: Callable[..., bytes | None], *given: object) -> bytes | int | None:
    """What comes of it, or the number of its error."""
    try:
        return act(*given)
    except OSError as error:
        return error.errno or errno.EIO


def _synced(descriptor: int) -> None:
    os.fdatasync(descriptor)
