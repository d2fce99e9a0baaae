"""Sets of adapters that are chosen together: those of a database, and those of a place for bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from media_service.core.ports.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.accounts import Accounts
    from media_service.core.ports.audit import AuditLog
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.erasing import ErasableRows
    from media_service.core.ports.guest_links import GuestLinks
    from media_service.core.ports.places import FilePlaces
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore


class CatalogueAdapters(Catalogue, Protocol):
    """The adapters of all ports whose rows are in one database."""

    @property
    def accounts(self) -> Accounts:
        """Return the adapter for people and tokens."""

    @property
    def audit(self) -> AuditLog:
        """Return the adapter for the audit trail."""

    @property
    def collections(self) -> Collections:
        """Return the adapter for collections."""

    @property
    def erasing(self) -> ErasableRows:
        """Return the adapter for the rows of an owner that is erased."""

    @property
    def guest_links(self) -> GuestLinks:
        """Return the adapter for guest links."""

    @property
    def places(self) -> FilePlaces:
        """Return the adapter for places of finished files."""


class RowAdapters(Protocol):
    """What one process has of a database, or of the sidecar in its place."""

    @property
    def catalogue(self) -> CatalogueAdapters:
        """Return the catalogue."""

    @property
    def bus(self) -> Bus:
        """Return the bus to all processes that use the database."""

    @property
    def clock(self) -> Callable[[], int]:
        """Return a function that returns UTC microseconds, the same in all these processes."""

    def is_connected(self) -> bool:
        """Return whether the database responds."""

    async def open(self) -> None:
        """Connect, and return when what other processes sent before is committed."""

    async def close(self) -> None:
        """Close the connections, after all changes got their responses."""


class ByteAdapters(Protocol):
    """What one process has of a place for bytes."""

    @property
    def store(self) -> UploadStore:
        """Return the store of unfinished files."""

    @property
    def spool(self) -> Spool:
        """Return the store of finished files."""

    @property
    def quarantine(self) -> Quarantine:
        """Return the store of rejected files."""

    def is_connected(self) -> bool:
        """Return whether the place responds."""

    def free_bytes(self) -> int:
        """Return how many bytes more fit on the disk that uploads need, without waiting. Raise StorageError."""

    async def open(self) -> None:
        """Prepare the place. Raise StorageError."""

    async def close(self) -> None:
        """Close what is open."""
