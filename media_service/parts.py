"""The parts that receivers and the finisher share: adapters of the ports, and the steps that any process may take."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from media_service.catalogue.sqlite_catalogue import SqliteCatalogue
from media_service.intake.ending import UploadEnder
from media_service.intake.finalizing.rejected import RejectedUploads
from media_service.intake.finalizing.retag import Retagger
from media_service.ipc.bus import SidecarBus
from media_service.ipc.links import SidecarLinks
from media_service.media.inspection.inspector import MediaInspector
from media_service.media.workers.pool import TagWorkerPool
from media_service.part_options import intake_options, media_options
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


class Parts:
    """The shared parts of one process, created and connected as the settings say. `open` them before use."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self.options = intake_options(settings)
        self.links = SidecarLinks(folder.sidecar_socket, ("catalogue", "storage", "bus"))
        clients = self.links.clients
        self.bus = SidecarBus(clients["bus"])
        self.locks = FileLocks(folder.locks)
        self.catalogue = SqliteCatalogue(folder.catalogue, clients["catalogue"])
        self.store = DiskUploadStore(folder.partials, clients["storage"])
        self.spool = DiskSpool(folder.spool)
        self.quarantine = DiskQuarantine(folder.quarantine)
        self.worker = TagWorkerPool(settings.tag_workers)
        self.inspector = MediaInspector(self.worker, media_options(settings))
        self.rejected = RejectedUploads(
            self.catalogue, self.store, self.quarantine, locks=self.locks, bus=self.bus, clock=now
        )
        self.ender = UploadEnder(
            self.catalogue, self.store, self.spool, self.quarantine, locks=self.locks, bus=self.bus, clock=now
        )
        self.retagger = Retagger(
            self.catalogue, self.spool, self.inspector, self.options.limits.cover, locks=self.locks
        )

    async def open(self) -> None:
        """Connect to the sidecar, and open the stores."""
        await self.links.start()
        await self.catalogue.open()
        for store in (self.store, self.spool, self.quarantine):
            await store.prepare()

    async def close(self) -> None:
        """Close everything, after all requests to the sidecar got their responses."""
        await self.worker.close()
        self.inspector.close()
        self.store.close_idle()
        await self.links.stop()
        await self.catalogue.close()
        self.locks.close()
