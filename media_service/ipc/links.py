"""Connections of one process to the services of the sidecar."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.ipc.client import RpcClient
from media_service.ipc.unix_socket import connect_to_service

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FIRST_RETRY_SECONDS = 0.02
LAST_RETRY_SECONDS = 1.0
"""Bounds of the wait between two attempts to connect, doubled after each that fails."""


class SidecarLinks:
    """One RPC client for each service, connected again whenever the sidecar was restarted."""

    def __init__(self, path: Path, services: Sequence[str]) -> None:
        self.clients = {service: RpcClient() for service in services}
        self._path = path
        self._tasks: list[asyncio.Task[None]] = []

    def is_connected(self) -> bool:
        """Return whether every service responds."""
        return all(client.is_connected for client in self.clients.values())

    async def start(self) -> None:
        """Connect, and return when every service is connected for the first time."""
        first = {service: asyncio.Event() for service in self.clients}
        self._tasks = [asyncio.create_task(self._keep(service, first[service])) for service in self.clients]
        await asyncio.gather(*(event.wait() for event in first.values()))

    async def stop(self) -> None:
        """Wait for all pending responses, then close the connections."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(client.close() for client in self.clients.values()))

    async def _keep(self, service: str, connected: asyncio.Event) -> None:
        client, wait = self.clients[service], FIRST_RETRY_SECONDS
        while True:
            try:
                connection = await connect_to_service(self._path, service)
            except (OSError, EOFError):
                await asyncio.sleep(wait)
                wait = min(wait * 2, LAST_RETRY_SECONDS)
                continue
            await client.connect(connection)
            connected.set()
            wait = FIRST_RETRY_SECONDS
            await client.wait_closed()
