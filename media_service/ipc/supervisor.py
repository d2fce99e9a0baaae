"""Supervisor of the sidecar: start it, restart it after it dies, stop it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import structlog

from media_service.ipc.unix_socket import listen_privately

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence
    from pathlib import Path

PYTHON_COMMAND = (sys.executable, "-I", "-m")
"""Run a module in isolated mode, independent of the environment and the working directory."""

RESTART_INTERVAL_SECONDS = 1.0
"""Minimum seconds between two starts: a process that fails at once must not use a whole processor."""

log = structlog.get_logger()


class Supervisor:
    """Run the sidecar, a Python module, as a child process; `SidecarLinks` connects to it.

    Its command line is the descriptors of its listening socket and of a pipe, then `arguments`. It must exit when the
    pipe and all connections are closed. It runs in its own session, so that Ctrl-C in a terminal does not reach it.
    """

    def __init__(self, module: str, path: Path, *arguments: str) -> None:
        self._module = module
        self._path = path
        self._arguments = arguments
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._opened = ExitStack()

    async def start(self, *inherited: int) -> None:
        """Listen, and start the process; it inherits these descriptors. Raise OSError if it cannot be started."""
        # Connections wait in the queue of the socket, which stays open, while the process is restarted.
        listener = self._opened.enter_context(listen_privately(self._path))
        life, held = os.pipe()
        self._opened.callback(os.close, held)
        self._opened.callback(os.close, life)
        descriptors = (listener.fileno(), life, *inherited)
        await self._spawn(descriptors)
        self._watching = asyncio.create_task(self._watch(descriptors))

    async def stop(self) -> None:
        """Wait for the process to exit, once every process has closed its connections."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        self._opened.close()
        if self._process is not None:
            await self._process.wait()

    async def _spawn(self, descriptors: Sequence[int]) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *PYTHON_COMMAND,
            self._module,
            *map(str, descriptors[:2]),
            *self._arguments,
            stdin=DEVNULL,
            stdout=DEVNULL,
            pass_fds=descriptors,
            start_new_session=True,
        )

    async def _watch(self, descriptors: Sequence[int]) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            assert self._process is not None
            status = await self._process.wait()
            log.error("sidecar_died", module=self._module, status=status)
            await asyncio.sleep(started + RESTART_INTERVAL_SECONDS - clock())
            with suppress(OSError):
                await self._spawn(descriptors)
