"""Open the catalogue for one command.

SQLite: through the sidecar of a running service, else as its only process. PostgreSQL: as one more process of a node.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from media_service.access.assembly import AccessAdapters, AccessParts
from media_service.access.passwords import PasswordHasher
from media_service.adapters import migrate, new_id, now, postgresql_rows
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.commit_server import CommitServer, open_for_writing
from media_service.commands.options import end_with
from media_service.core.audit import Actor
from media_service.core.errors.base import MediaServiceError
from media_service.core.times import MICROSECONDS
from media_service.ipc.client import RpcClient
from media_service.ipc.unix_socket import connect_to_service
from media_service.logs import log_to_stderr
from media_service.startup import StartupError, check_moved, migrate_catalogue
from media_service.storage.data_folder import DataFolder, DataFolderLocked
from media_service.storage.locks import FileLocks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from media_service.adapter_sets import CatalogueAdapters
    from media_service.config.settings import Settings
    from media_service.core.ports.locks import Locks

CONNECT_SECONDS = 5.0
"""Maximum wait for a sidecar that is being restarted."""

PAGE_ROWS = 200

T = TypeVar("T")

OPERATOR = Actor(None, "command line")
"""Who acts, for the audit trail."""

MAX_ATTEMPTS = 3
"""Attempts to find out whether the service runs, while it starts or stops."""


def run(settings: Settings, command: Callable[[AccessParts], Awaitable[None]]) -> None:
    """Run a command with the services for people; end the program with a line if it is refused or fails."""

    async def with_access(rows: Rows) -> None:
        passwords, catalogue = PasswordHasher(), rows.catalogue
        adapters = AccessAdapters(
            accounts=catalogue.accounts,
            audit=catalogue.audit,
            collections=catalogue.collections,
            guest_links=catalogue.guest_links,
            locks=rows.locks,
            clock=rows.clock,
            new_id=new_id,
        )
        parts = AccessParts(
            adapters,
            passwords,
            log_failure=structlog.get_logger().warning,
            link_lifetime=int(settings.link_lifetime * MICROSECONDS),
            # Receivers ask the catalogue again within half a second.
            forget=lambda: None,
        )
        try:
            await command(parts)
        finally:
            passwords.close()

    _run_with_rows(settings, with_access)


async def rows(page: Callable[[str | None, int], Awaitable[tuple[Sequence[T], str | None]]]) -> AsyncIterator[T]:
    """Yield the rows of all pages; `page` returns that of a cursor, with so many rows, and the next cursor."""
    cursor = None
    while True:
        found, cursor = await page(cursor, PAGE_ROWS)
        for row in found:
            yield row
        if cursor is None:
            return


@dataclass(frozen=True, slots=True)
class Rows:
    """What a command has of the database."""

    catalogue: CatalogueAdapters
    locks: Locks
    clock: Callable[[], int]


def _run_with_rows(settings: Settings, command: Callable[[Rows], Awaitable[None]]) -> None:
    """Run a command with the catalogue, as `run`."""

    async def opened() -> None:
        async with _open_rows(settings) as rows:
            await command(rows)

    log_to_stderr()
    try:
        asyncio.run(opened())
    except MediaServiceError as error:
        end_with(error.message)
    except (StartupError, DataFolderLocked, OSError) as error:
        end_with(str(error))


@asynccontextmanager
async def _open_rows(settings: Settings) -> AsyncIterator[Rows]:
    """Yield the catalogue that the settings name. Raise DataFolderLocked, StartupError, OSError."""
    folder = DataFolder(settings.data_dir.resolve())
    with closing(FileLocks(folder.locks)) as locks:
        if not settings.catalogue:
            async with _open_file(folder) as in_file:
                yield Rows(in_file, locks, now)
            return
        if not settings.is_on_nodes:
            folder.make()
        await asyncio.to_thread(migrate, settings, folder)
        in_database = postgresql_rows()(settings)
        await in_database.open()
        try:
            yield Rows(in_database.catalogue, in_database.locks if settings.is_on_nodes else locks, in_database.clock)
        finally:
            await in_database.close()


@asynccontextmanager
async def _open_file(folder: DataFolder) -> AsyncIterator[SqliteCatalogue]:
    """Yield the catalogue in this folder. Raise DataFolderLocked, StartupError, OSError."""
    rpc = RpcClient()
    async with AsyncExitStack() as opened:
        await rpc.connect(await _connect(folder, opened))
        opened.push_async_callback(rpc.close)
        catalogue = SqliteCatalogue(folder.catalogue, rpc)
        await catalogue.open()
        opened.push_async_callback(catalogue.close)
        yield catalogue


async def _connect(folder: DataFolder, opened: AsyncExitStack) -> socket.socket:
    """Return a connection to the commit server of the running service, or to one of this process."""
    folder.make()
    for _ in range(MAX_ATTEMPTS):
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connect_to_service(folder.sidecar_socket, "catalogue")
        except (OSError, EOFError):
            pass
        try:
            # It waits for a service that is stopping, and fails if one has just started.
            descriptor = await asyncio.to_thread(folder.lock)
        except DataFolderLocked:
            continue
        opened.callback(os.close, descriptor)
        check_moved(folder, catalogue="", store=None)
        await asyncio.to_thread(migrate_catalogue, folder.catalogue)
        return _serve_here(folder, opened)
    raise DataFolderLocked(f"another server uses {folder.root}, and does not respond")


def _serve_here(folder: DataFolder, opened: AsyncExitStack) -> socket.socket:
    """Return a connection to a commit server in a thread, which ends after the connection is closed."""
    near, far = socket.socketpair()
    server = CommitServer(partial(open_for_writing, str(folder.catalogue)))
    opened.callback(server.close)
    thread = threading.Thread(target=_serve, args=(server, far), name="commit-connection")
    thread.start()
    opened.callback(thread.join)
    return near


def _serve(server: CommitServer, connection: socket.socket) -> None:
    with connection:
        server.serve(connection)
