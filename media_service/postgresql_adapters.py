"""What a process has of PostgreSQL. Imported only where it is used, because its libraries may not be installed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from media_service.catalogue.compiled import compile_all
from media_service.catalogue.postgresql import usage_check
from media_service.catalogue.postgresql.bus import PostgresBus
from media_service.catalogue.postgresql.catalogue import PostgresCatalogue
from media_service.catalogue.postgresql.clock import DatabaseClock
from media_service.catalogue.postgresql.connections import UnusableDatabase, place
from media_service.catalogue.postgresql.dialect import DIALECT
from media_service.catalogue.postgresql.load import FILLED_FROM, check_unused, filled_from, loading
from media_service.catalogue.postgresql.locks import PostgresLocks
from media_service.catalogue.postgresql.schema_version import is_current
from media_service.catalogue.postgresql.secrets import shared_secret
from media_service.catalogue.postgresql.session import Session
from media_service.startup import StartupError, resource_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from media_service.catalogue.postgresql.load import Load
    from media_service.catalogue.usage_check import UsageRow
    from media_service.config.settings import Settings
    from media_service.core.audit import AuditEntry
    from media_service.storage.data_folder import DataFolder


class PostgresqlRows:
    """`RowAdapters` of a PostgreSQL database. `locks` are those of all nodes."""

    def __init__(self, settings: Settings) -> None:
        self._session = Session(settings.catalogue)
        self._clock = DatabaseClock(self._session)
        self._measuring: asyncio.Task[None] | None = None
        self.catalogue = PostgresCatalogue(settings.catalogue, waits_for_records=not settings.store)
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
        url, own = settings.catalogue, _place_of_files(settings, folder)
        with _as_startup_error():
            migrate(url, resource_folder("migrations"))
            used = shared_secret(url, "store", own)
            token = shared_secret(url, "admin token", folder.admin_token())
            if used != own:
                where = used if used.startswith("s3:") else "the folder of another machine"
                raise StartupError(f"the files of the database {place(url)} are in {where}: store must be that")
        if token != folder.admin_token():
            folder.save_admin_token(token)
        compile_all(DIALECT)

    @staticmethod
    def check_usage(settings: Settings) -> Sequence[UsageRow]:
        """See `adapters`. Raise StartupError."""
        with _as_startup_error():
            _check_current(settings.catalogue)
            return usage_check.check(settings.catalogue)

    @staticmethod
    def repair_usage(settings: Settings, entry: AuditEntry) -> Sequence[UsageRow]:
        """See `adapters`. Raise StartupError."""
        with _as_startup_error():
            _check_current(settings.catalogue)
            return usage_check.repair(settings.catalogue, entry)

    @staticmethod
    def place(settings: Settings) -> str:
        """Return where the database is, without a password. Raise StartupError."""
        with _as_startup_error():
            return place(settings.catalogue)

    @staticmethod
    def is_filled(settings: Settings, folder: DataFolder) -> bool:
        """Migrate the catalogue; return whether it has the rows of this folder. Raise StartupError if it has others."""
        url = settings.catalogue
        with _as_startup_error():
            migrate(url, resource_folder("migrations"))
            if filled_from(url) == folder.identity():
                return True
            check_unused(url)
        return False

    @staticmethod
    @contextmanager
    def loading(settings: Settings, folder: DataFolder) -> Iterator[Load]:
        """Yield what fills the catalogue with the rows of this folder; commit at the end. Raise StartupError."""
        with _as_startup_error(), loading(settings.catalogue) as load:
            yield load
            load.save_secrets(
                [
                    ("store", _place_of_files(settings, folder)),
                    ("admin token", folder.admin_token()),
                    (FILLED_FROM, folder.identity()),
                ]
            )


def _check_current(url: str) -> None:
    """Raise StartupError for a database with another schema. Raise UnusableDatabase."""
    if not is_current(url, resource_folder("migrations")):
        raise StartupError(
            f"the database {place(url)} has not the newest schema; `media-service migrate` brings it there"
        )


def _place_of_files(settings: Settings, folder: DataFolder) -> str:
    """Return what the database remembers of where its files are."""
    return settings.store or f"folder {folder.identity()}"


@contextmanager
def _as_startup_error() -> Iterator[None]:
    try:
        yield
    except UnusableDatabase as error:
        raise StartupError(str(error)) from error


def migrate(url: str, scripts: Path) -> None:
    """Bring the database to the newest schema if it is older. Raise UnusableDatabase, StartupError."""
    if is_current(url, scripts):
        return
    # In another process, so that Alembic's memory is released. Other users of the machine see its arguments.
    command = (sys.executable, "-m", "media_service.catalogue.postgresql.migrate", str(scripts))
    if subprocess.run(command, input=url, text=True, check=False).returncode:  # noqa: S603  # our own module
        raise StartupError(f"the database {place(url)} could not be brought to the newest schema")
