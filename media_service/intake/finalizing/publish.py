"""Give a verified file its name in the spool, once.

The catalogue has the name before the rename. After a crash the assembled file either still waits for that name, or had
it already, even if its reader has taken it since.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from media_service.core.collections import NO_DEFAULTS
from media_service.core.upload import PublishIntent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.media import Media
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Slice, Upload

NAMES_PER_QUERY = 64


class Publisher:
    """Assembles tagged files and names them."""

    def __init__(
        self, catalogue: Catalogue, collections: Collections, store: UploadStore, spool: Spool, media: Media
    ) -> None:
        self._catalogue = catalogue
        self._collections = collections
        self._store = store
        self._spool = spool
        self._media = media
        self._naming = asyncio.Lock()

    async def publish(self, upload: Upload, slices: Sequence[Slice]) -> Upload:
        """Return the upload with its publish intent carried out. Raise FileNotFoundError without its bytes."""
        intent = upload.publish_intent
        if intent is None:
            return await self._name(upload, await self._assemble(upload, slices))
        if await self._spool.is_assembled(upload.id):
            return await self._name(upload, intent)
        return upload

    async def _assemble(self, upload: Upload, slices: Sequence[Slice]) -> PublishIntent:
        """Assemble the tagged file; return the intent, without a name."""
        assert upload.facts is not None
        source = await self._store.fetch(upload.id, slices, upload.facts.size)
        picture = None if upload.cover is None else await self._catalogue.cover(upload.id)
        defaults = NO_DEFAULTS if upload.collection is None else await self._collections.defaults(upload.collection)
        plan, values = await self._media.plan_tags(source.path, upload, picture, defaults)
        assembled = await self._spool.assemble(upload.id, source, plan, plan.length or upload.facts.size)
        return PublishIntent(
            "", assembled.size, assembled.sha256, values.tags, values.chapters, has_cover=values.has_cover
        )

    async def _name(self, upload: Upload, intent: PublishIntent) -> Upload:
        """Rename the assembled file to the first name that no file has or had."""
        tried: set[str] = set()
        while not intent.name or not await self._spool.publish(upload.id, intent.name):
            tried.add(intent.name)
            upload = await self._plan_name(upload, intent, tried)
            assert upload.publish_intent is not None
            intent = upload.publish_intent
        return upload

    async def _plan_name(self, upload: Upload, intent: PublishIntent, tried: Collection[str]) -> Upload:
        """Return the upload, saved with a free name. One at a time, so that no two files plan the same."""
        async with self._naming:
            for first in count(1, NAMES_PER_QUERY):
                names = self._spool.candidate_names(upload.filename, first, NAMES_PER_QUERY)
                taken = await self._catalogue.stored_names(names)
                name = next((name for name in names if name not in taken and name not in tried), None)
                if name is not None:
                    return await self._catalogue.save(replace(upload, publish_intent=replace(intent, name=name)))
        raise AssertionError("names are counted without end")
