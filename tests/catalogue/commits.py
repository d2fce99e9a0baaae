"""Commit servers of a catalogue with one upload, and what is sent to them."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import text

from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.recording import record
from media_service.catalogue.sqlite.commit_client import CommitClient
from media_service.catalogue.sqlite.commit_server import open_for_writing
from media_service.core.upload import Slice
from media_service.ipc.client import RpcClient
from tests.support.rpc import serve_alone, served

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

UPLOAD = (
    "INSERT INTO uploads (id, owner, dialect, state, filename, tags, created_at, updated_at)"
    " VALUES ('{}', 'local', 'native', 'receiving', 'a.mp3', '{{}}', 1, 1)"
)


def sql(*statements: str, guard: int | None = None) -> Change:
    return Change([CompiledStatement(text(statement)).bind({}) for statement in statements], guard)


def piece(start: int, stop: int, upload_id: str = "u") -> Change:
    return record(upload_id, Slice(start, stop), now=1)


class Connections:
    """Open writing connections of a catalogue with one upload, `u`, and trace what they execute."""

    def __init__(self, path: Path) -> None:
        self.executed: list[str] = []
        self._path = path
        with closing(open_for_writing(str(path))) as connection:
            connection.execute(UPLOAD.format("u"))

    def open(self) -> sqlite3.Connection:
        """Return a connection for the calling thread."""
        connection = open_for_writing(str(self._path))
        connection.set_trace_callback(self.executed.append)
        return connection

    def commits(self) -> int:
        """Return the number of committed transactions."""
        return self.executed.count("COMMIT")


@asynccontextmanager
async def writing(connect: Callable[[], sqlite3.Connection]) -> AsyncIterator[CommitClient]:
    """Yield a client of a commit server; at the end every request is done."""
    async with served(RpcClient(), partial(serve_alone, connect)) as rpc:
        yield CommitClient(rpc)
