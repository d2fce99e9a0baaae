"""Build the parts of intake from the adapters: those of a receiver, and those of the finisher. Tests use the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.intake.ending import UploadEnder
from media_service.intake.files import FileService
from media_service.intake.finalizing.early_rejection import EarlyRejection
from media_service.intake.finalizing.finalizer import Finalizer
from media_service.intake.finalizing.read_ahead import ReadAheadFollower
from media_service.intake.finalizing.rejected import RejectedUploads
from media_service.intake.finalizing.retag import Retagger
from media_service.intake.late_edits import LateEdits
from media_service.intake.leftovers import Leftovers
from media_service.intake.moves import FileMoves
from media_service.intake.overview import OverviewService
from media_service.intake.receiving.append import Appends
from media_service.intake.receiving.concatenate import Concatenator
from media_service.intake.recovery import Recovery
from media_service.intake.sweep import Sweeper
from media_service.intake.taken import TakenFiles
from media_service.intake.trash import Trash
from media_service.intake.uploads import UploadService

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from media_service.core.ports.audit import AuditLog
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.media import Media
    from media_service.core.ports.overview import Overview
    from media_service.core.ports.places import FilePlaces
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.rates import CreationRates
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore
    from media_service.intake.options import IntakeOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The adapters of one process. `clock` returns UTC microseconds, `new_id` an id that cannot be guessed."""

    catalogue: Catalogue
    collections: Collections
    overview: Overview
    places: FilePlaces
    store: UploadStore
    spool: Spool
    quarantine: Quarantine
    media: Media
    locks: Locks
    audit: AuditLog
    bus: Bus
    clock: Callable[[], int]
    new_id: Callable[[], str]


class SharedParts:
    """What both processes do: end uploads, edit and move finished files, move rejected ones."""

    def __init__(self, adapters: Adapters, options: IntakeOptions) -> None:
        catalogue, store, spool, quarantine = adapters.catalogue, adapters.store, adapters.spool, adapters.quarantine
        locks, bus, clock = adapters.locks, adapters.bus, adapters.clock
        self.adapters = adapters
        self.options = options
        self.ender = UploadEnder(catalogue, store, spool, quarantine, locks=locks, bus=bus, clock=clock)
        self.rejected = RejectedUploads(catalogue, store, quarantine, locks=locks, bus=bus, clock=clock)
        places = adapters.places
        self.moves = moves = FileMoves(places, spool, locks=locks, clock=clock)
        self.retagger = retagger = Retagger(
            catalogue, spool, adapters.media, options.limits.cover, moves=moves, locks=locks
        )
        self.taken = TakenFiles(places, spool, moves=moves, retagger=retagger, locks=locks)
        self.trash = Trash(
            places,
            adapters.audit,
            moves=moves,
            retagger=retagger,
            locks=locks,
            lifetime=options.lifetime,
            clock=clock,
        )


class ReceiverParts(SharedParts):
    """The parts of a receiver."""

    def __init__(self, adapters: Adapters, options: IntakeOptions, rates: CreationRates) -> None:
        super().__init__(adapters, options)
        catalogue, locks, bus, clock = adapters.catalogue, adapters.locks, adapters.bus, adapters.clock
        self.uploads = UploadService(
            catalogue,
            adapters.store,
            adapters.media,
            options,
            rates=rates,
            ender=self.ender,
            late_edits=LateEdits(catalogue, locks, self.retagger, options, clock=clock),
            bus=bus,
            clock=clock,
            new_id=adapters.new_id,
        )
        self.appends = Appends(self.uploads, locks, bus, clock=clock)
        self.concatenator = Concatenator(self.uploads, adapters.store)
        self.overview = OverviewService(adapters.overview, adapters.store, clock=clock)
        self.files = FileService(catalogue, adapters.places, adapters.spool, retagger=self.retagger, taken=self.taken)


class FinisherParts(SharedParts):
    """The parts of the finisher. `workers`: how many uploads are finalized concurrently."""

    def __init__(
        self,
        adapters: Adapters,
        options: IntakeOptions,
        *,
        duplicates: Literal["keep", "refuse", "link"] = "keep",
        workers: int = 2,
        sweep_interval: float = 60.0,
    ) -> None:
        super().__init__(adapters, options)
        catalogue, store, media = adapters.catalogue, adapters.store, adapters.media
        self.finalizer = self._finalizer(duplicates, workers)
        self.follower = ReadAheadFollower(catalogue, store, media, adapters.bus)
        self.early_rejection = EarlyRejection(store, media, self.rejected, self.ender, adapters.clock)
        self.leftovers = Leftovers(
            catalogue, store, adapters.spool, locks=adapters.locks, retagger=self.retagger, moves=self.moves
        )
        self.sweeper = self._sweeper(sweep_interval)
        self.recovery = Recovery(
            catalogue,
            store,
            leftovers=self.leftovers,
            ender=self.ender,
            clock=adapters.clock,
            sync_slices=options.sync_slices,
        )

    def _finalizer(self, duplicates: Literal["keep", "refuse", "link"], workers: int) -> Finalizer:
        adapters = self.adapters
        return Finalizer(
            adapters.catalogue,
            adapters.store,
            adapters.spool,
            adapters.quarantine,
            adapters.media,
            collections=adapters.collections,
            rejected=self.rejected,
            locks=adapters.locks,
            bus=adapters.bus,
            clock=adapters.clock,
            new_id=adapters.new_id,
            duplicates=duplicates,
            workers=workers,
        )

    def _sweeper(self, interval: float) -> Sweeper:
        adapters = self.adapters
        return Sweeper(
            self.ender,
            adapters.catalogue,
            adapters.store,
            adapters.quarantine,
            adapters.audit,
            rejected=self.rejected,
            leftovers=self.leftovers,
            trash=self.trash,
            taken=self.taken,
            clock=adapters.clock,
            options=self.options,
            every=interval,
        )
