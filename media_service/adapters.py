"""The adapters of one process, as the settings say."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.intake.assembly import Adapters
from media_service.ipc.bus import SidecarBus
from media_service.ipc.links import SidecarLinks
from media_service.media.inspection.inspector import MediaInspector
from media_service.media.workers.pool import TagWorkerPool
from media_service.part_options import media_options
from media_service.storage.locks import FileLocks
from media_service.storage.quarantine import DiskQuarantine
from media_service.storage.spool import DiskSpool
from media_service.storage.upload_store import DiskUploadStore

if TYPE_CHECKING:
    from media_service.config.settings import Settings
    from media_service.storage.data_folder import DataFolder


def now() -> int:
    """Return the current time in UTC microseconds."""
    return time.time_ns() // 1000


def new_id() -> str:
    """Return 128 random bits as 22 characters: an id is also a capability, so it must not be guessable."""
    return secrets.token_urlsafe(16)


class LocalAdapters:
    """The adapters for one machine: a SQLite catalogue and a folder. `open` them before use."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self.links = SidecarLinks(folder.sidecar_socket, ("catalogue", "storage", "bus"))
        is_shared = settings.workers != 1
        self.catalogue = SqliteCatalogue(folder.catalogue, self.links.clients["catalogue"], is_shared=is_shared)
        self.accounts, self.erasing = self.catalogue.accounts, self.catalogue.erasing
        self.store = DiskUploadStore(folder.partials, self.links.clients["storage"])
        self._spool = DiskSpool(folder.spool)
        self._quarantine = DiskQuarantine(folder.quarantine, self.store.path)
        self._workers = TagWorkerPool(settings.tag_workers)
        self._inspector = MediaInspector(self._workers, media_options(settings))
        self._locks = FileLocks(folder.locks)
        self.all = Adapters(
            catalogue=self.catalogue,
            collections=self.catalogue.collections,
            store=self.store,
            spool=self._spool,
            quarantine=self._quarantine,
            media=self._inspector,
            locks=self._locks,
            audit=self.catalogue.audit,
            bus=SidecarBus(self.links.clients["bus"]),
            clock=now,
            new_id=new_id,
        )

    async def open(self) -> None:
        """Connect to the sidecar, and open the catalogue and the folders."""
        await self.links.start()
        await self.catalogue.open()
        # Of a receiver that was killed a record may be on its way. Its successor must not write over those bytes.
        await self.catalogue.settle()
        for part in (self.store, self._spool, self._quarantine):
            await part.prepare()

    async def close(self) -> None:
        """Close everything, after all requests to the sidecar got their responses."""
        await self._workers.close()
        self._inspector.close()
        self.store.close_idle()
        await self.links.stop()
        await self.catalogue.close()
        self._locks.close()
