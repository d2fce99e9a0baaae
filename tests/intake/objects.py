"""Nodes whose bytes are objects in a bucket: each with parts of its own, all with the rows of one catalogue."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media_service.access.rates import RateLimits, Rates
from media_service.intake.assembly import FinisherParts, ReceiverParts
from media_service.media.inspection.inspector import MediaInspector, MediaOptions
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.quarantine import S3Quarantine
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.spool import S3Spool
from media_service.storage.s3.upload_store import S3UploadStore
from tests.intake.rig import Rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.storage.s3.location import S3Location


class ObjectNode:
    """A receiver and a finisher in one process, with the catalogue, the locks and the bus of a rig."""

    def __init__(self, rig: Rig, client: S3Client, scratch: Scratch) -> None:
        self.client = client
        self.scratch = scratch
        self.database, self.bus, self.options = rig.database, rig.bus, rig.options
        self.store, self.spool = S3UploadStore(client, scratch), S3Spool(client, scratch)
        self.quarantine = S3Quarantine(client)
        self.inspector = MediaInspector(rig.worker, MediaOptions())
        self.adapters = adapters = replace(
            rig.adapters, store=self.store, spool=self.spool, quarantine=self.quarantine, media=self.inspector
        )
        receiver = ReceiverParts(adapters, rig.options, Rates(RateLimits(), RateLimits(), rig.bus))
        finisher = FinisherParts(adapters, rig.options)
        self.intake, self.appends, self.concatenator = receiver.uploads, receiver.appends, receiver.concatenator
        self.retagger, self.rejected, self.files = receiver.retagger, receiver.rejected, receiver.files
        self.trash, self.taken = receiver.trash, receiver.taken
        self.finalizer, self.recovery, self.leftovers = finisher.finalizer, finisher.recovery, finisher.leftovers
        self.background = [finisher.follower.run, finisher.early_rejection.run]

    async def keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [found.key async for found in self.client.list_objects("")]

    async def stored(self, name: str) -> bytes:
        """Return a finished file."""
        content = await self.spool.content(name)
        assert content is not None
        return b"".join([block async for block in content.read(0, content.size)])


@asynccontextmanager
async def object_nodes(
    folder: Path, location: S3Location, count: int = 2, *, is_deaf: bool = False
) -> AsyncIterator[Any]:
    """Yield nodes, the first of which reads ahead. They pass for rigs in the helpers of these tests.

    `is_deaf`: all hints between them are lost.
    """
    async with AsyncExitStack() as resources:
        nodes: list[ObjectNode] = []
        rigs: list[Rig] = []
        for number in range(count):
            rig = Rig(folder, beside=rigs[0] if rigs else None, first_id=1000 * number, is_deaf=is_deaf)
            rigs.append(await resources.enter_async_context(rig))
            scratch = Scratch(folder / "scratch")
            await scratch.prepare()
            resources.callback(scratch.close)
            client = await resources.enter_async_context(S3Client(location))
            nodes.append(ObjectNode(rig, client, scratch))
            resources.callback(nodes[-1].inspector.close)
        running = [asyncio.create_task(run()) for run in nodes[0].background]
        try:
            yield nodes
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
