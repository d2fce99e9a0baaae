"""All parts on one data folder, without HTTP, and crashes between any two steps."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Literal

from media_service.access.rates import RateLimits, Rates
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.core.errors.service import CatalogueError
from media_service.core.expiry import Lifetime
from media_service.core.limits import Limits
from media_service.core.quota import NO_STORAGE_LIMITS, Quotas, StorageLimits
from media_service.intake.assembly import Adapters, FinisherParts, ReceiverParts
from media_service.intake.finalizing.read_ahead import ReadAheadFollower
from media_service.intake.options import IntakeOptions
from media_service.ipc.bus import LocalBus
from media_service.ipc.client import RpcClient
from media_service.media.inspection.inspector import MediaInspector, MediaOptions
from media_service.storage.data_folder import DataFolder
from media_service.storage.locks import FileLocks
from media_service.storage.quarantine import DiskQuarantine
from media_service.storage.spool import DiskSpool
from media_service.storage.sync import server as sync_server
from media_service.storage.upload_store import DiskUploadStore
from tests.support.new_catalogue import write_new_catalogue
from tests.support.rpc import commit_service, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

HOUR = 3600 * 1_000_000


class Crash(BaseException):
    """The process died: nothing catches it, nothing is cleaned up."""


class Steps:
    """Counts calls of parts, and crashes before or after the n-th; `for_good`, at every later one too."""

    def __init__(self, crash_at: int | None = None, *, for_good: bool = False) -> None:
        self.taken = 0
        self._crash_at = crash_at
        self._for_good = for_good
        self._end: type[BaseException] = Crash

    def lose_answer(self, place: int) -> None:
        """Lose the response at the n-th place from here: raise CatalogueError instead of Crash."""
        self._crash_at, self._end = self.taken + place, CatalogueError

    def around(self, part: Any) -> Any:
        """Return the part with its coroutines counted, once before and once after each."""
        return _Counted(part, self)

    def pass_one(self) -> None:
        """Count a place, and crash if it is the n-th."""
        self.taken += 1
        gone = self._for_good and self._crash_at is not None and self.taken > self._crash_at
        if gone or self.taken == self._crash_at:
            raise self._end


class _Counted:
    def __init__(self, part: Any, steps: Steps) -> None:
        self._part = part
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def counted(*given: Any, **named: Any) -> Any:
            self._steps.pass_one()
            result = await found(*given, **named)
            self._steps.pass_one()
            return result

        return counted


class Rig:
    """A receiver and a finisher in one process, open on `folder`, without HTTP.

    `time` is UTC microseconds and moves only by assignment. `beside` another rig, this one is as of other processes: it
    has its own adapters, and shares the bus unless it `is_deaf`: every hint is lost. All rigs of a test share `worker`,
    because starting one takes longer than all else.
    """

    worker: TagWorker

    def __init__(
        self,
        folder: Path,
        steps: Steps | None = None,
        duplicates: Literal["keep", "refuse", "link"] = "keep",
        *,
        idle: float = 60,
        rate: int = 0,
        first_id: int = 0,
        quotas: Quotas | None = None,
        storage_limits: StorageLimits = NO_STORAGE_LIMITS,
        limits: Limits | None = None,
        disk_reserve: int = 0,
        sync_slices: bool = True,
        beside: Rig | None = None,
        is_deaf: bool = False,
    ) -> None:
        self.folders = DataFolder(folder)
        self.folders.make()
        if beside is None:
            write_new_catalogue(self.folders.catalogue)
        self.time = 1_800_000_000_000_000
        self.bus: LocalBus = LocalBus() if beside is None or is_deaf else beside.bus
        self._connections = AsyncExitStack()
        self._running: list[asyncio.Task[None]] = []
        self.options = IntakeOptions(
            limits=limits or Limits(file=2**30, slice=2**26, slice_size=2**22),
            idle_timeout=idle,
            verdict_wait_slice=0,
            lifetime=Lifetime(idle=HOUR, whole=10 * HOUR, late_edits=HOUR // 4, trash=HOUR, take_back=HOUR // 2),
            disk_reserve=disk_reserve,
            sync_slices=sync_slices,
            body_rate=rate,
            quotas=quotas or Quotas(),
            storage_limits=storage_limits,
            quarantine_lifetime=HOUR / 1_000_000,
            audit_lifetime=HOUR / 1_000_000,
        )
        self.adapters = self._create_adapters(steps.around if steps else lambda part: part, itertools.count(first_id))
        self._create_parts(duplicates)

    def _create_adapters(self, around: Callable[[Any], Any], ids: Iterator[int]) -> Adapters:
        """Create the adapters of this process; return them with `around` each whose steps are counted."""
        self.catalogue_rpc, self.storage_rpc = RpcClient(), RpcClient()
        self.database = SqliteCatalogue(self.folders.catalogue, self.catalogue_rpc)
        self.store = DiskUploadStore(self.folders.partials, self.storage_rpc)
        self.spool = DiskSpool(self.folders.spool)
        self.quarantine = DiskQuarantine(self.folders.quarantine, self.store.path)
        self.inspector = MediaInspector(self.worker, MediaOptions())
        self.locks = FileLocks(self.folders.locks)
        return Adapters(
            catalogue=around(self.database),
            collections=around(self.database.collections),
            overview=self.database.overview,
            places=around(self.database.places),
            store=around(self.store),
            spool=around(self.spool),
            quarantine=around(self.quarantine),
            media=around(self.inspector),
            locks=self.locks,
            audit=around(self.database.audit),
            bus=self.bus,
            clock=lambda: self.time,
            new_id=lambda: f"{next(ids):022}",
        )

    def _create_parts(self, duplicates: Literal["keep", "refuse", "link"]) -> None:
        """Create the parts of a receiver and of a finisher."""
        receiver = ReceiverParts(self.adapters, self.options, Rates(RateLimits(), RateLimits(), self.bus))
        finisher = FinisherParts(self.adapters, self.options, duplicates=duplicates, sweep_interval=HOUR)
        self.intake, self.appends, self.concatenator = receiver.uploads, receiver.appends, receiver.concatenator
        self.retagger, self.rejected, self.ender = receiver.retagger, receiver.rejected, receiver.ender
        self.files, self.trash, self.taken, self.moves = receiver.files, receiver.trash, receiver.taken, receiver.moves
        self.finalizer, self.sweeper, self.recovery = finisher.finalizer, finisher.sweeper, finisher.recovery
        self.leftovers = finisher.leftovers
        # Its steps are not counted: they come at any time, and it changes nothing.
        follower = ReadAheadFollower(self.database, self.store, self.inspector, self.bus)
        self._background = [follower.run, finisher.early_rejection.run]

    async def __aenter__(self) -> Rig:
        await self._connections.enter_async_context(served(self.catalogue_rpc, commit_service(self.folders.catalogue)))
        await self._connections.enter_async_context(served(self.storage_rpc, sync_server.serve))
        await self.database.open()
        for part in (self.store, self.spool, self.quarantine):
            await part.prepare()
        self._running = [asyncio.create_task(run()) for run in self._background]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self.inspector.close()
        await self._connections.aclose()
        await self.database.close()
        # A process that ended holds no locks.
        self.store.close_idle()
        self.locks.close()

    def names(self) -> list[str]:
        """Return the names in the spool."""
        return sorted(path.name for path in self.spool.path("").iterdir())
