"""Ask the store again and again whether it responds, so that `/ready` tells the truth while nobody uses it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.storage.s3.errors import StoreUnusable

if TYPE_CHECKING:
    from media_service.storage.s3.client import S3Client

PROBE_SECONDS = 10.0
"""Interval of the requests: each asks for one name."""


class Probe:
    """Whether the bucket of an open client can be used."""

    def __init__(self, client: S3Client) -> None:
        self.responds = False
        self._client = client
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask for the first time, and go on until `stop`."""
        await self._ask()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            await self._ask()

    async def _ask(self) -> None:
        try:
            await self._client.check()
        except StoreUnusable:
            self.responds = False
        else:
            self.responds = True
