"""The parent's side of the worker processes: it asks, waits for so long, and kills.

A worker serves its questions one after the other, and is started anew when it died; a few of them stand side by side, so
that a slow file keeps none waiting. They never get to hold up the event loop, and never share memory with the server: a
thread could be neither killed nor limited.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from media_service.core.errors.files import NotMp3, TooCostly
from media_service.core.errors.service import MediaError
from media_service.media.workers import spawn

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_SECONDS = 30.0
"""Seconds a question may take by the clock; the child's own limit of processor time is lower."""

START_DELAY_SECONDS = 0.25
"""Seconds for which a question waits for a busy child before another one is started."""

MAX_REPLY_BYTES = 1024 * 1024
"""Bytes an answer's line may have; what is attached to it comes behind the line."""


LIMIT_SIGNALS = frozenset({-signal.SIGPROF, -signal.SIGXCPU})
"""How a child ends that took too much processor time."""


@dataclass(frozen=True, slots=True)
class _RunningWorker:
    """A running child, and the socket over which it gets open files."""

    process: Process
    files: socket.socket


class TagWorker:
    """A child process that reads media files."""

    def __init__(self) -> None:
        self._running_worker: _RunningWorker | None = None
        self._lock = asyncio.Lock()

    async def call(self, method: str, path: Path, attachment: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """The child's answer and what is attached to it, to a question that brings these bytes.

        Raises NotMp3, TooCostly, FileNotFoundError, and MediaError when no worker can be had.
        """
        line = json.dumps({"method": method, "bytes": len(attachment), **more}).encode() + b"\n"
        async with self._lock:
            with await asyncio.to_thread(_open_file, path) as file:
                answer, attached = await self._call(file, line, attachment)
        if "not_mp3" in answer:
            raise NotMp3(answer["not_mp3"])
        if "too_costly" in answer:
            raise TooCostly
        if "trouble" in answer:
            raise MediaError
        return answer, attached

    async def close(self) -> None:
        """Ends the child."""
        async with self._lock:
            await self._end()

    async def _call(self, file: _OpenFile, line: bytes, attachment: bytes) -> tuple[dict[str, Any], bytes]:
        """Ask a child, and another one when it dies. Raise TooCostly, MediaError."""
        try:
            return await self._exchange(file, line, attachment)
        except _WorkerDied as death:
            if death.by_limit:
                raise TooCostly from None
        # Killed from outside, perhaps for want of memory: the file may be innocent, once.
        try:
            return await self._exchange(file, line, attachment)
        except _WorkerDied as again:
            # One that ends by itself never came to the question.
            raise (MediaError if again.by_itself else TooCostly) from None

    async def _exchange(self, file: _OpenFile, line: bytes, attachment: bytes) -> tuple[dict[str, Any], bytes]:
        worker = await self._ensure_running()
        process = worker.process
        assert process.stdin is not None
        assert process.stdout is not None
        done = False
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                socket.send_fds(worker.files, [b"\0"], [file.descriptor])
                process.stdin.write(line)
                process.stdin.write(attachment)
                await process.stdin.drain()
                answer: dict[str, Any] = json.loads(await process.stdout.readuntil(b"\n"))
                attached = await _read(process.stdout, answer["bytes"])
            done = True
            return answer, attached
        except (TimeoutError, asyncio.LimitOverrunError):
            raise _WorkerDied(by_limit=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await process.wait()
            raise _WorkerDied(by_limit=status in LIMIT_SIGNALS, by_itself=status >= 0) from None
        finally:
            # A worker whose answer nobody read would give it to the next question.
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
            await spawn.end(worker.process)


class TagWorkerPool:
    """So many children. Another is started when those that run stay busy; a question takes the one that was busy last.

    A worker is 16 MiB, and answers a hundred of the usual questions in the time in which another starts.
    """

    def __init__(self, children: int) -> None:
        self._workers = [TagWorker() for _ in range(children)]
        self._unused = self._workers[1:]
        self._free: asyncio.LifoQueue[TagWorker] = asyncio.LifoQueue()
        self._free.put_nowait(self._workers[0])

    async def call(self, method: str, path: Path, attachment: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """The same as that of one child, once one is free."""
        worker = await self._take_free()
        try:
            return await worker.call(method, path, attachment, **more)
        finally:
            self._free.put_nowait(worker)

    async def close(self) -> None:
        """Ends the children."""
        for worker in self._workers:
            await worker.close()

    async def _take_free(self) -> TagWorker:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_DELAY_SECONDS if self._unused else None):
                return await self._free.get()
        return self._unused.pop() if self._unused else await self._free.get()


async def _start_worker() -> _RunningWorker:
    """Start a child, which ends with its input. Raise MediaError."""
    try:
        ours, its = socket.socketpair()
    except OSError as error:
        raise MediaError from error
    with its:
        try:
            number = its.fileno()
            return _RunningWorker(
                await spawn.start("child", str(number), stdin=PIPE, limit=MAX_REPLY_BYTES, pass_fds=(number,)), ours
            )
        except BaseException:
            ours.close()
            raise


class _OpenFile:
    """A file that is open for reading, as a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)


def _open_file(path: Path) -> _OpenFile:
    """Open the file. Raise FileNotFoundError, MediaError."""
    try:
        return _OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaError from error


async def _read(stream: asyncio.StreamReader, size: int) -> bytes:
    """So many bytes, held once: the stream itself would hold them twice. Raises IncompleteReadError."""
    whole = io.BytesIO()
    while whole.tell() < size:
        piece = await stream.read(min(MAX_REPLY_BYTES, size - whole.tell()))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        whole.write(piece)
    return whole.getvalue()


class _WorkerDied(Exception):
    def __init__(self, *, by_limit: bool, by_itself: bool = False) -> None:
        self.by_limit = by_limit
        self.by_itself = by_itself
