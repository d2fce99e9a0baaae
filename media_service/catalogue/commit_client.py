"""Client of the commit server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.writes import ends_upload
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.ipc.client import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.compiled import Statement
    from media_service.ipc.client import RpcClient


class CommitError(Exception):
    """What SQLite reported: the cause of the raised error, for the log."""


class CommitClient:
    """Send changes to the commit server."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def execute(self, statements: Sequence[Statement]) -> None:
        """Return when the statements are durable, all or none. Raise StorageFull, CatalogueError.

        If the sidecar dies meanwhile, CatalogueError is raised and the statements may be durable.
        """
        try:
            outcome = await self._rpc.call((ends_upload(statements), statements))
        except ConnectionLost as broken:
            raise CatalogueError from broken
        if outcome is not None:
            name, text = outcome
            raise (StorageFull if name == "SQLITE_FULL" else CatalogueError) from CommitError(text)
