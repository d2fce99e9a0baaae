"""The process aside, seen from the server: started with it, started anew when it dies, ended with it."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import structlog

from media_service.ipc.client import RpcClient

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence

RUN = (sys.executable, "-I", "-m")
"""Runs a module of ours, whatever the environment says."""

REST = 1.0
"""Seconds between two starts: one that cannot live must not keep the machine busy with being born."""

log = structlog.get_logger()


class Supervisor:
    """Runs a module of ours and keeps a line to each of its services.

    The module is told `service=descriptor` for each, then `arguments`, and ends when all lines are closed: with the
    server, however that ends. It has a session of its own, because Ctrl-C is the server's to handle.
    """

    def __init__(self, module: str, services: Sequence[str], *arguments: str) -> None:
        self.lines = {service: RpcClient() for service in services}
        self._module = module
        self._arguments = arguments
        self._process: Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self, *inherited: int) -> None:
        """Starts the process, which also holds these descriptors open. Raises OSError."""
        await self._begin(inherited)
        self._keeping = asyncio.create_task(self._keep(inherited))

    async def stop(self) -> None:
        """Returns when everything that was asked is done and the process has ended."""
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await asyncio.gather(*(line.close() for line in self.lines.values()))
        if self._process is not None:
            await self._process.wait()

    def answers(self) -> bool:
        """Whether there is somebody to ask."""
        return all(line.is_open for line in self.lines.values())

    async def _begin(self, inherited: Sequence[int]) -> None:
        pairs = {service: socket.socketpair() for service in self.lines}
        with ExitStack() as ours, ExitStack() as theirs:
            for mine, other in pairs.values():
                ours.enter_context(mine)
                theirs.enter_context(other)
            self._process = await asyncio.create_subprocess_exec(
                *RUN,
                self._module,
                *(f"{service}={other.fileno()}" for service, (_, other) in pairs.items()),
                *self._arguments,
                stdin=DEVNULL,
                stdout=DEVNULL,
                pass_fds=[*(other.fileno() for _, other in pairs.values()), *inherited],
                start_new_session=True,
            )
            ours.pop_all()
        for service, line in self.lines.items():
            await line.open(pairs[service][0])

    async def _keep(self, inherited: Sequence[int]) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            assert self._process is not None
            status = await self._process.wait()
            for line in self.lines.values():
                await line.lost()
            log.error("aside_died", module=self._module, status=status)
            await asyncio.sleep(begun + REST - clock())
            with suppress(OSError):
                await self._begin(inherited)
