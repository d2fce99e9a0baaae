"""Client of the commit server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.change import Change, Refused, Rows
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.ipc.client import ConnectionLost

if TYPE_CHECKING:
    from media_service.ipc.client import RpcClient


class CommitError(Exception):
    """What SQLite reported: the cause of the raised error, for the log."""


class CommitClient:
    """Send changes to the commit server."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def execute(self, change: Change) -> Rows:
        """Return the rows that the statements returned, when the change is durable.

        Raise Refused, StorageFull, CatalogueError. If the sidecar dies meanwhile, CatalogueError is raised and the
        change may be durable.
        """
        try:
            error, done, rows = await self._rpc.call(change.plain())
        except ConnectionLost as broken:
            raise CatalogueError from broken
        if error is not None:
            name, text = error
            raise (StorageFull if name == "SQLITE_FULL" else CatalogueError) from CommitError(text)
        if not done:
            raise Refused(rows)
        return rows  # type: ignore[no-any-return]  # it comes from another process
