"""The pool of tag workers: send a request, wait with a timeout, kill, restart.

A worker handles one request at a time, and is restarted after it died. Several run in parallel, so that a slow file
does not delay others. They are processes because a thread can be neither killed nor limited.
"""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from media_service.core.errors.files import NotMp3, TooCostly
from media_service.core.errors.service import MediaError
from media_service.media.workers import spawn

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_SECONDS = 30.0
"""Time limit of a request; the worker's own limit of processor time is lower."""

START_DELAY_SECONDS = 0.25
"""Time that a request waits for a busy worker before another one is started."""

MAX_REPLY_BYTES = 1024 * 1024
"""Limit of a reply's JSON line; the attachment follows it."""


LIMIT_SIGNALS = frozenset({-signal.SIGPROF, -signal.SIGXCPU})
"""Exit statuses of a worker that exceeded its processor time."""


@dataclass(frozen=True, slots=True)
class _RunningWorker:
    """A running worker, and the socket over which it gets open files."""

    process: Process
    files: socket.socket


class TagWorker:
    """One tag worker, started by the first call."""

    def __init__(self) -> None:
        self._running_worker: _RunningWorker | None = None
        self._lock = asyncio.Lock()

    async def call(self, method: str, path: Path, attachment: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """Send a request with attachment; return the reply and its attachment. Raise NotMp3, TooCostly,
        FileNotFoundError, and MediaError if no worker can be started."""
        line = json.dumps({"method": method, "bytes": len(attachment), **more}).encode() + b"\n"
        async with self._lock:
            with await asyncio.to_thread(_open_file, path) as file:
                reply, data = await self._call(file, line, attachment)
        if "not_mp3" in reply:
            raise NotMp3(reply["not_mp3"])
        if "too_costly" in reply:
            raise TooCostly
        if "trouble" in reply:
            raise MediaError
        return reply, data

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            await self._end()

    async def _call(self, file: io.FileIO, line: bytes, attachment: bytes) -> tuple[dict[str, Any], bytes]:
        """Send the request, and once more if the worker dies. Raise TooCostly, MediaError."""
        try:
            return await self._exchange(file, line, attachment)
        except _WorkerDied as death:
            if death.by_limit:
                raise TooCostly from None
        # Killed from outside, perhaps for lack of memory: not necessarily because of this file.
        try:
            return await self._exchange(file, line, attachment)
        except _WorkerDied as again:
            # A worker that exits by itself did not reach the request.
            raise (MediaError if again.by_itself else TooCostly) from None

    async def _exchange(self, file: io.FileIO, line: bytes, attachment: bytes) -> tuple[dict[str, Any], bytes]:
        worker = await self._ensure_running()
        process = worker.process
        assert process.stdin is not None
        assert process.stdout is not None
        done = False
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                socket.send_fds(worker.files, [b"\0"], [file.fileno()])
                process.stdin.write(line)
                process.stdin.write(attachment)
                await process.stdin.drain()
                reply: dict[str, Any] = json.loads(await process.stdout.readuntil(b"\n"))
                data = await _read(process.stdout, reply["bytes"])
            done = True
            return reply, data
        except (TimeoutError, asyncio.LimitOverrunError):
            raise _WorkerDied(by_limit=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await process.wait()
            raise _WorkerDied(by_limit=status in LIMIT_SIGNALS, by_itself=status >= 0) from None
        finally:
            # The unread reply would be taken for that to the next request.
            if not done:
                await self._end()

    async def _ensure_running(self) -> _RunningWorker:
        if self._running_worker is None or self._running_worker.process.returncode is not None:
            await self._end()
            self._running_worker = await _start_worker()
        return self._running_worker

    async def _end(self) -> None:
        worker, self._running_worker = self._running_worker, None
        if worker is not None:
            worker.files.close()
            await spawn.kill(worker.process)


class TagWorkerPool:
    """Up to `workers` processes; another one starts when those that run are busy for START_DELAY_SECONDS. The worker
    that was busy last is used first: a worker takes 16 MiB, and starting one as long as 100 usual requests."""

    def __init__(self, workers: int) -> None:
        self._workers = [TagWorker() for _ in range(workers)]
        self._unused = self._workers[1:]
        self._free: asyncio.LifoQueue[TagWorker] = asyncio.LifoQueue()
        self._free.put_nowait(self._workers[0])

    async def call(self, method: str, path: Path, attachment: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """Call a free worker, as `TagWorker.call`."""
        worker = await self._take_free()
        try:
            return await worker.call(method, path, attachment, **more)
        finally:
            self._free.put_nowait(worker)

    async def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            await worker.close()

    async def _take_free(self) -> TagWorker:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_DELAY_SECONDS if self._unused else None):
                return await self._free.get()
        return self._unused.pop() if self._unused else await self._free.get()


async def _start_worker() -> _RunningWorker:
    """Start a worker, which exits when its standard input ends. Raise MediaError."""
    try:
        ours, its = socket.socketpair()
    except OSError as error:
        raise MediaError from error
    with its:
        try:
            number = its.fileno()
            return _RunningWorker(
                await spawn.start("tag_worker", str(number), stdin=PIPE, limit=MAX_REPLY_BYTES, pass_fds=(number,)),
                ours,
            )
        except BaseException:
            ours.close()
            raise


def _open_file(path: Path) -> io.FileIO:
    """Open the file for reading. Raise FileNotFoundError, MediaError."""
    try:
        return io.FileIO(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaError from error


async def _read(stream: asyncio.StreamReader, size: int) -> bytes:
    """Read `size` bytes without a second copy, which `readexactly` would hold. Raise IncompleteReadError."""
    buffer = io.BytesIO()
    while buffer.tell() < size:
        piece = await stream.read(min(MAX_REPLY_BYTES, size - buffer.tell()))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        buffer.write(piece)
    return buffer.getvalue()


class _WorkerDied(Exception):
    def __init__(self, *, by_limit: bool, by_itself: bool = False) -> None:
        self.by_limit = by_limit
        self.by_itself = by_itself
