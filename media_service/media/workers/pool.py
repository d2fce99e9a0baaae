"""The parent's side of the child processes: it asks, waits for so long, and kills.

A child serves its questions one after the other, and is started anew when it died; a few of them stand side by side, so
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

TIMEOUT = 30.0
"""Seconds a question may take by the clock; the child's own limit of processor time is lower."""

PATIENCE = 0.25
"""Seconds for which a question waits for a busy child before another one is started."""

ANSWER = 1024 * 1024
"""Bytes an answer's line may have; what is attached to it comes behind the line."""


LIMITS = frozenset({-signal.SIGPROF, -signal.SIGXCPU})
"""How a child ends that took too much processor time."""


@dataclass(frozen=True, slots=True)
class _Child:
    """A running child, and the socket over which it gets open files."""

    process: Process
    files: socket.socket


class TagWorker:
    """A child process that reads media files."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._asking = asyncio.Lock()

    async def ask(self, question: str, path: Path, brings: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """The child's answer and what is attached to it, to a question that brings these bytes.

        Raises NotMp3, TooCostly, FileNotFoundError, and MediaError when no child can be had.
        """
        line = json.dumps({"ask": question, "bytes": len(brings), **more}).encode() + b"\n"
        async with self._asking:
            with await asyncio.to_thread(_open, path) as file:
                answer, attached = await self._ask(file, line, brings)
        if "not_mp3" in answer:
            raise NotMp3(answer["not_mp3"])
        if "too_costly" in answer:
            raise TooCostly
        if "trouble" in answer:
            raise MediaError
        return answer, attached

    async def close(self) -> None:
        """Ends the child."""
        async with self._asking:
            await self._end()

    async def _ask(self, file: _Open, line: bytes, brings: bytes) -> tuple[dict[str, Any], bytes]:
        """Ask a child, and another one when it dies. Raise TooCostly, MediaError."""
        try:
            return await self._exchange(file, line, brings)
        except _Died as death:
            if death.by_limit:
                raise TooCostly from None
        # Killed from outside, perhaps for want of memory: the file may be innocent, once.
        try:
            return await self._exchange(file, line, brings)
        except _Died as again:
            # One that ends by itself never came to the question.
            raise (MediaError if again.by_itself else TooCostly) from None

    async def _exchange(self, file: _Open, line: bytes, brings: bytes) -> tuple[dict[str, Any], bytes]:
        child = await self._running()
        process = child.process
        assert process.stdin is not None
        assert process.stdout is not None
        done = False
        try:
            async with asyncio.timeout(TIMEOUT):
                socket.send_fds(child.files, [b"\0"], [file.descriptor])
                process.stdin.write(line)
                process.stdin.write(brings)
                await process.stdin.drain()
                answer: dict[str, Any] = json.loads(await process.stdout.readuntil(b"\n"))
                attached = await _read(process.stdout, answer["bytes"])
            done = True
            return answer, attached
        except (TimeoutError, asyncio.LimitOverrunError):
            raise _Died(by_limit=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            status = await process.wait()
            raise _Died(by_limit=status in LIMITS, by_itself=status >= 0) from None
        finally:
            # A child whose answer nobody read would give it to the next question.
            if not done:
                await self._end()

    async def _running(self) -> _Child:
        if self._child is None or self._child.process.returncode is not None:
            await self._end()
            self._child = await _start()
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.files.close()
            await spawn.end(child.process)


class TagWorkerPool:
    """So many children. Another is started when those that run stay busy; a question takes the one that was busy last.

    A child is 16 MiB, and answers a hundred of the usual questions in the time in which another starts.
    """

    def __init__(self, children: int) -> None:
        self._children = [TagWorker() for _ in range(children)]
        self._unused = self._children[1:]
        self._free: asyncio.LifoQueue[TagWorker] = asyncio.LifoQueue()
        self._free.put_nowait(self._children[0])

    async def ask(self, question: str, path: Path, brings: bytes = b"", **more: Any) -> tuple[dict[str, Any], bytes]:
        """The same as that of one child, once one is free."""
        child = await self._next()
        try:
            return await child.ask(question, path, brings, **more)
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        """Ends the children."""
        for child in self._children:
            await child.close()

    async def _next(self) -> TagWorker:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE if self._unused else None):
                return await self._free.get()
        return self._unused.pop() if self._unused else await self._free.get()


async def _start() -> _Child:
    """Start a child, which ends with its input. Raise MediaError."""
    try:
        ours, its = socket.socketpair()
    except OSError as error:
        raise MediaError from error
    with its:
        try:
            number = its.fileno()
            return _Child(await spawn.start("child", str(number), stdin=PIPE, limit=ANSWER, pass_fds=(number,)), ours)
        except BaseException:
            ours.close()
            raise


class _Open:
    """A file that is open for reading, as a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)


def _open(path: Path) -> _Open:
    """Open the file. Raise FileNotFoundError, MediaError."""
    try:
        return _Open(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MediaError from error


async def _read(stream: asyncio.StreamReader, size: int) -> bytes:
    """So many bytes, held once: the stream itself would hold them twice. Raises IncompleteReadError."""
    whole = io.BytesIO()
    while whole.tell() < size:
        piece = await stream.read(min(ANSWER, size - whole.tell()))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        whole.write(piece)
    return whole.getvalue()


class _Died(Exception):
    def __init__(self, *, by_limit: bool, by_itself: bool = False) -> None:
        self.by_limit = by_limit
        self.by_itself = by_itself
