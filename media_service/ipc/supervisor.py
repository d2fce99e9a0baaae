"""Supervisor of the sidecar: start it, restart it after it dies, stop it."""

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

PYTHON_COMMAND = (sys.executable, "-I", "-m")
"""Run a module in isolated mode, independent of the environment and the working directory."""

RESTART_INTERVAL_SECONDS = 1.0
"""Minimum seconds between two starts: a process that fails at once must not use a whole processor."""

log = structlog.get_logger()


class Supervisor:
    """Run a Python module as a child process, with one RPC connection for each of its services.

    The module's command line is `service=descriptor` for each service, then `arguments`. It must exit when all
    connections are closed. It runs in its own session, so that Ctrl-C in a terminal does not reach it.
    """

    def __init__(self, module: str, services: Sequence[str], *arguments: str) -> None:
        self.clients = {service: RpcClient() for service in services}
        self._module = module
        self._arguments = arguments
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self, *inherited: int) -> None:
        """Start the process; it inherits these descriptors. Raise OSError if it cannot be started."""
        await self._spawn(inherited)
        self._watching = asyncio.create_task(self._watch(inherited))

    async def stop(self) -> None:
        """Wait for all pending responses and for the process to exit."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await asyncio.gather(*(client.close() for client in self.clients.values()))
        if self._process is not None:
            await self._process.wait()

    def is_running(self) -> bool:
        """Return whether every service is connected."""
        return all(client.is_connected for client in self.clients.values())

    async def _spawn(self, inherited: Sequence[int]) -> None:
        pairs = {service: socket.socketpair() for service in self.clients}
        with ExitStack() as near_ends, ExitStack() as far_ends:
            for near, far in pairs.values():
                near_ends.enter_context(near)
                far_ends.enter_context(far)
            self._process = await asyncio.create_subprocess_exec(
                *PYTHON_COMMAND,
                self._module,
                *(f"{service}={far.fileno()}" for service, (_, far) in pairs.items()),
                *self._arguments,
                stdin=DEVNULL,
                stdout=DEVNULL,
                pass_fds=[*(far.fileno() for _, far in pairs.values()), *inherited],
                start_new_session=True,
            )
            near_ends.pop_all()
        for service, client in self.clients.items():
            await client.connect(pairs[service][0])

    async def _watch(self, inherited: Sequence[int]) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            assert self._process is not None
            status = await self._process.wait()
            for client in self.clients.values():
                await client.wait_closed()
            log.error("sidecar_died", module=self._module, status=status)
            await asyncio.sleep(started + RESTART_INTERVAL_SECONDS - clock())
            with suppress(OSError):
                await self._spawn(inherited)
