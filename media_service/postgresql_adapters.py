"""What a process has of PostgreSQL. Imported only where it is used, because its libraries may not be installed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.catalogue.postgresql.bus import PostgresBus
from media_service.catalogue.postgresql.clock import DatabaseClock
from media_service.catalogue.postgresql.connections import UnusableDatabase, place
from media_service.catalogue.postgresql.locks import PostgresLocks
from media_service.catalogue.postgresql.secrets import shared_secret
from media_service.catalogue.postgresql.session import Session
from media_service.startup import StartupError, resource_folder

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.adapter_sets import OpenCatalogue
    from media_service.config.settings import Settings
    from media_service.storage.data_folder import DataFolder


class PostgresqlRows:
    """`RowAdapters` of a PostgreSQL database. `locks` are those of all nodes."""

    def __init__(self, settings: Settings) -> None:
        self._session = Session(settings.catalogue)
        self._clock = DatabaseClock(self._session)
        self._measuring: asyncio.Task[None] | None = None
        self.catalogue = make_catalogue(settings.catalogue)
        self.bus = PostgresBus(self._session)
        self.locks = PostgresLocks(self._session)
        self.clock = self._clock.now

    def is_connected(self) -> bool:
        """See `RowAdapters`."""
        return self._session.is_connected

    async def open(self) -> None:
        """See `RowAdapters`."""
        await self._session.open()
        await self._clock.measure()
        self._measuring = asyncio.create_task(self._clock.run())
        await self.catalogue.open()

    async def close(self) -> None:
        """See `RowAdapters`."""
        if self._measuring is not None:
            self._measuring.cancel()
            with suppress(asyncio.CancelledError):
                await self._measuring
        await self.catalogue.close()
        # Last: while its locks are held no other finisher is active.
        await self._session.close()

    @staticmethod
    def migrate(settings: Settings) -> None:
        """Bring the database to the newest schema. Raise StartupError."""
        try:
            migrate(settings.catalogue, resource_folder("migrations"))
        except UnusableDatabase as error:
            raise StartupError(str(error)) from error

    @staticmethod
    def identity(settings: Settings, folder: DataFolder) -> str:
        """Return the name of this database, which it keeps: that of the first node's folder. Raise StartupError."""
        try:
            return shared_secret(settings.catalogue, "identity", folder.identity())
        except UnusableDatabase as error:
            raise StartupError(str(error)) from error

    @staticmethod
    def prepare(settings: Settings, folder: DataFolder) -> None:
        """Migrate the catalogue, and save the admin token of all nodes in the folder. Raise StartupError, OSError.

        A database whose files are elsewhere is refused: its uploads would be lost.
        """
        url, own = settings.catalogue, settings.store or f"folder {folder.identity()}"
        try:
            migrate(url, resource_folder("migrations"))
            used = shared_secret(url, "store", own)
            token = shared_secret(url, "admin token", folder.admin_token())
            if used != own:
                where = used if used.startswith("s3:") else "the folder of another machine"
                raise StartupError(f"the files of the database {place(url)} are in {where}: store must be that")
        except UnusableDatabase as error:
            raise StartupError(str(error)) from error
        if token != folder.admin_token():
            folder.save_admin_token(token)


def make_catalogue(url: str) -> OpenCatalogue:
    """Return the catalogue in this database."""
    raise StartupError(f"the catalogue cannot be in {place(url)} yet")


def migrate(url: str, scripts: Path) -> None:
    """Apply the missing migrations in `scripts`. Raise UnusableDatabase."""
    raise StartupError(f"the catalogue cannot be in {place(url)} yet: {scripts}")
