"""Client of the commit server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.change import Change, Refused, Rows
from media_service.catalogue.sqlite.dialect import DIALECT
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.ipc.client import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.compiled import Sql, Statement
    from media_service.catalogue.sqlite.committer import PlainChange
    from media_service.ipc.client import RpcClient


class CommitError(Exception):
    """What SQLite reported: the cause of the raised error, for the log."""


class CommitClient:
    """Send changes to the commit server: the `Writer` of the catalogue."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def execute(self, change: Change) -> Rows:
        """Return the rows that the statements returned, when the change is durable.

        Raise Refused, StorageFull, CatalogueError. If the sidecar dies meanwhile, CatalogueError is raised and the
        change may be durable.
        """
        try:
            error, done, rows = await self._rpc.call(plain(change))
        except ConnectionLost as broken:
            raise CatalogueError from broken
        if error is not None:
            name, text = error
            raise (StorageFull if name == "SQLITE_FULL" else CatalogueError) from CommitError(text)
        if not done:
            raise Refused(rows)
        return rows  # type: ignore[no-any-return]  # it comes from another process


def plain(change: Change) -> PlainChange:
    """Return the change as the commit server gets it."""
    return _sql(change.statements), change.guard, _sql(change.further), change.ends_upload


def _sql(statements: Sequence[Statement]) -> list[Sql]:
    # Without a call for each: recording a slice has four statements.
    return [
        (sql, values) if (sql := statement.fixed.get(DIALECT)) else statement.sql(DIALECT, values)
        for statement, values in statements
    ]
