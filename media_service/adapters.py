"""The adapters of one process, as the settings say: SQLite or PostgreSQL for rows, a folder or S3 for bytes."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from media_service.catalogue.compiled import compile_all
from media_service.catalogue.sqlite import usage_check
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.dialect import DIALECT
from media_service.catalogue.sqlite.schema_version import is_current
from media_service.intake.assembly import Adapters
from media_service.ipc.bus import SidecarBus
from media_service.ipc.links import SidecarLinks
from media_service.media.inspection.inspector import MediaInspector
from media_service.media.workers.pool import TagWorkerPool
from media_service.part_options import media_options
from media_service.startup import StartupError, check_moved, migrate_catalogue, resource_folder
from media_service.storage.locks import FileLocks
from media_service.storage.quarantine import DiskQuarantine
from media_service.storage.spool import DiskSpool
from media_service.storage.upload_store import DiskUploadStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from media_service.adapter_sets import ByteAdapters, RowAdapters
    from media_service.catalogue.usage_check import UsageRow
    from media_service.config.settings import Settings
    from media_service.core.audit import AuditEntry
    from media_service.core.ports.locks import Locks
    from media_service.postgresql_adapters import PostgresqlRows
    from media_service.s3_adapters import S3Bytes
    from media_service.storage.data_folder import DataFolder


def now() -> int:
    """Return the current time in UTC microseconds."""
    return time.time_ns() // 1000


def new_id() -> str:
    """Return 128 random bits as 22 characters: an id is also a capability, so it must not be guessable."""
    return secrets.token_urlsafe(16)


class SqliteRows:
    """`RowAdapters` of one SQLite file, written by the sidecar."""

    def __init__(self, settings: Settings, folder: DataFolder, links: SidecarLinks) -> None:
        is_shared = settings.workers != 1
        self.catalogue = SqliteCatalogue(folder.catalogue, links.clients["catalogue"], is_shared=is_shared)
        self.bus = SidecarBus(links.clients["bus"])
        self.clock = now

    def is_connected(self) -> bool:
        """See `RowAdapters`. The links to the sidecar know."""
        return True

    async def open(self) -> None:
        """See `RowAdapters`."""
        await self.catalogue.open()
        # The record of a receiver that was killed may not be committed yet. Other receivers must not overwrite its
        # bytes.
        await self.catalogue.settle()

    async def close(self) -> None:
        """See `RowAdapters`."""
        await self.catalogue.close()


class DiskBytes:
    """`ByteAdapters` of the data folder, synced by the sidecar."""

    def __init__(self, folder: DataFolder, links: SidecarLinks) -> None:
        self.store = DiskUploadStore(folder.partials, links.clients["storage"])
        self.spool = DiskSpool(folder.spool)
        self.quarantine = DiskQuarantine(folder.quarantine, self.store.path)

    def is_connected(self) -> bool:
        """See `ByteAdapters`. The links to the sidecar know."""
        return True

    def free_bytes(self) -> int:
        """See `ByteAdapters`."""
        return self.store.free_bytes()

    async def open(self) -> None:
        """See `ByteAdapters`."""
        for part in (self.store, self.spool, self.quarantine):
            await part.prepare()

    async def close(self) -> None:
        """See `ByteAdapters`."""
        self.store.close_idle()


class ProcessAdapters:
    """The adapters of one process. `open` them before use."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._links = links = SidecarLinks(folder.sidecar_socket, sidecar_services(settings))
        self._file_locks = FileLocks(folder.locks)
        self._rows: RowAdapters
        locks: Locks = self._file_locks
        if settings.catalogue:
            self._rows = postgresql = postgresql_rows()(settings)
            # On one machine a lock in a file costs no round trip.
            locks = postgresql.locks if settings.is_on_nodes else locks
        else:
            self._rows = SqliteRows(settings, folder, links)
        self._bytes: ByteAdapters = s3_bytes()(settings, folder) if settings.store else DiskBytes(folder, links)
        self.catalogue = self._rows.catalogue
        self.accounts, self.erasing = self.catalogue.accounts, self.catalogue.erasing
        self._workers = TagWorkerPool(settings.tag_workers)
        self._inspector = MediaInspector(self._workers, media_options(settings))
        self.all = Adapters(
            catalogue=self.catalogue,
            collections=self.catalogue.collections,
            overview=self.catalogue.overview,
            places=self.catalogue.places,
            store=self._bytes.store,
            spool=self._bytes.spool,
            quarantine=self._bytes.quarantine,
            media=self._inspector,
            locks=locks,
            audit=self.catalogue.audit,
            bus=self._rows.bus,
            clock=self._rows.clock,
            new_id=new_id,
        )

    def are_connected(self) -> bool:
        """Return whether sidecar, database and store respond, as far as each is used."""
        return self._links.is_connected() and self._rows.is_connected() and self._bytes.is_connected()

    def free_bytes(self) -> int:
        """Return how many bytes more fit on the disk that uploads need, without waiting. Raise StorageError."""
        return self._bytes.free_bytes()

    async def open(self) -> None:
        """Connect to the sidecar, and open the catalogue and the place for bytes."""
        await self._links.start()
        await self._rows.open()
        await self._bytes.open()

    async def close(self) -> None:
        """Close everything, after all requests to the sidecar got their responses."""
        await self._workers.close()
        self._inspector.close()
        await self._bytes.close()
        await self._links.stop()
        await self._rows.close()
        self._file_locks.close()


def sidecar_services(settings: Settings) -> tuple[str, ...]:
    """Return the services of the sidecar that are used; without any there is no sidecar."""
    of_rows = () if settings.catalogue else ("catalogue", "bus")
    return of_rows if settings.store else (*of_rows, "storage")


def prepare(settings: Settings, folder: DataFolder) -> None:
    """Prepare what all processes share: check where data are, migrate the catalogue. Raise StartupError, OSError.

    Libraries are loaded and statements compiled here, before the processes are forked, so that they share the memory.
    """
    check_moved(folder, catalogue=settings.catalogue, store=settings.store)
    if settings.store:
        s3_bytes().prepare(settings, folder)
    if settings.catalogue:
        postgresql_rows().prepare(settings, folder)
    else:
        migrate_catalogue(folder.catalogue)
        compile_all(DIALECT)


def migrate(settings: Settings, folder: DataFolder) -> None:
    """Bring the catalogue to the newest schema, and change nothing else. Raise StartupError, OSError."""
    check_moved(folder, catalogue=settings.catalogue, store=None)
    if settings.catalogue:
        postgresql_rows().migrate(settings)
    else:
        migrate_catalogue(folder.catalogue)


def claim_store(settings: Settings, folder: DataFolder) -> None:
    """Let a bucket belong to the prepared catalogue. Raise StartupError if it belongs to another, OSError."""
    if settings.store:
        identity = postgresql_rows().identity(settings, folder) if settings.catalogue else folder.identity()
        s3_bytes().claim(settings, identity)


def check_usage(settings: Settings, folder: DataFolder) -> Sequence[UsageRow]:
    """Return every row of usage, by id, as of one moment. Raise StartupError."""
    if settings.catalogue:
        return postgresql_rows().check_usage(settings)
    with _of_current_file(folder) as database:
        return usage_check.check(database)


def repair_usage(settings: Settings, folder: DataFolder, entry: AuditEntry) -> Sequence[UsageRow]:
    """Save what uploads and files add up to, with the entry; return the rows as before. Raise StartupError."""
    if settings.catalogue:
        return postgresql_rows().repair_usage(settings, entry)
    with _of_current_file(folder) as database:
        return usage_check.repair(database, entry)


@contextmanager
def _of_current_file(folder: DataFolder) -> Iterator[Path]:
    """Yield the SQLite file. Raise StartupError for one with another schema, and in place of OSError."""
    database = folder.catalogue
    check_moved(folder, catalogue="", store=None)
    if not is_current(database, resource_folder("migrations")):
        raise StartupError(
            f"{database} is not a catalogue with the newest schema; `media-service migrate` makes it one"
        )
    try:
        yield database
    except OSError as error:
        raise StartupError(f"{database}: {error}") from error


def postgresql_rows() -> type[PostgresqlRows]:
    """Return the class, whose libraries only PostgreSQL needs. Raise StartupError if they are not installed."""
    try:
        from media_service.postgresql_adapters import PostgresqlRows  # noqa: PLC0415
    except ImportError as error:
        raise _missing("catalogue", error) from error
    return PostgresqlRows


def s3_bytes() -> type[S3Bytes]:
    """Return the class, whose libraries only S3 needs. Raise StartupError if they are not installed."""
    try:
        from media_service.s3_adapters import S3Bytes  # noqa: PLC0415
    except ImportError as error:
        raise _missing("store", error) from error
    return S3Bytes


def _missing(setting: str, error: ImportError) -> StartupError:
    return StartupError(f"the setting {setting} needs more libraries: pip install 'media-service[cluster]' ({error})")
