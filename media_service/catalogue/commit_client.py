"""Every change goes to the one place that commits, which is in the sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.ipc.client import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.compiled import Statement
    from media_service.ipc.client import RpcClient


class CommitError(Exception):
    """What SQLite said. The cause of a trouble, for the log."""


class CommitClient:
    """Hands statements over a line to `committing.serve`."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def execute(self, statements: Sequence[Statement]) -> None:
        """Returns when the statements are durable, all or nothing. Raises StorageFull, CatalogueError.

        Where the sidecar died meanwhile, they may be executed in spite of the trouble.
        """
        try:
            outcome = await self._rpc.call(statements)
        except ConnectionLost as broken:
            raise CatalogueError from broken
        if outcome is not None:
            name, text = outcome
            raise (StorageFull if name == "SQLITE_FULL" else CatalogueError) from CommitError(text)
