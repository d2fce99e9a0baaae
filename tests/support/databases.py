"""Where a service of the tests has its catalogue, and how a test looks into it: SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg import sql

from media_service.catalogue.postgresql.catalogue import PostgresCatalogue
from media_service.catalogue.postgresql.migrate import migrate
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.ipc.client import RpcClient
from media_service.ipc.unix_socket import connect_to_service
from media_service.storage.data_folder import DataFolder
from tests.support.new_catalogue import MIGRATIONS, write_new_catalogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from media_service.catalogue.base import BaseCatalogue
    from tests.services.postgresql import Databases


class Database(Protocol):
    """The catalogue of one service. In statements `?` stands for a value."""

    def settings(self) -> dict[str, object]:
        """Return the settings that name this database."""

    def prepare(self) -> None:
        """Make the newest schema, if there is none."""

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""

    def execute(self, statement: str, *values: object) -> None:
        """Execute a statement that changes something."""

    def opened(self) -> AbstractAsyncContextManager[BaseCatalogue]:
        """Return a context manager with the catalogue of a running service."""

    def dump(self) -> str:
        """Return all values of all tables, except the secrets of the service that its nodes share."""

    def stored(self) -> bytes:
        """Return what is stored of it, also of deleted rows where that can be seen."""


@dataclass(frozen=True)
class SqliteDatabase:
    """The file in a data folder."""

    data: Path

    def settings(self) -> dict[str, object]:
        return {}

    def prepare(self) -> None:
        folder = DataFolder(self.data)
        folder.make()
        write_new_catalogue(folder.catalogue)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(DataFolder(self.data).catalogue)) as connection:
            return connection.execute(statement, values).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(DataFolder(self.data).catalogue)) as connection, connection:
            connection.execute(statement, values)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[BaseCatalogue]:
        folder, rpc = DataFolder(self.data), RpcClient()
        await rpc.connect(await connect_to_service(folder.sidecar_socket, "catalogue"))
        catalogue = SqliteCatalogue(folder.catalogue, rpc)
        await catalogue.open()
        try:
            yield catalogue
        finally:
            await rpc.close()
            await catalogue.close()

    def dump(self) -> str:
        names = [name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        # The tables of the full-text index cannot be read one by one.
        return repr([self.rows(f'SELECT * FROM "{name}"') for name in names if "grams" not in name])

    def stored(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.data.glob("catalogue.sqlite3*"))


@dataclass(frozen=True)
class PostgresDatabase:
    """A database of PostgreSQL."""

    url: str

    def settings(self) -> dict[str, object]:
        return {"catalogue": self.url}

    def prepare(self) -> None:
        """Do nothing: it is a copy of a migrated one."""

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(_placed(statement), values).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(_placed(statement), values)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[BaseCatalogue]:
        catalogue = PostgresCatalogue(self.url, waits_for_records=False)
        await catalogue.open()
        try:
            yield catalogue
        finally:
            await catalogue.close()

    def dump(self) -> str:
        with psycopg.connect(self.url) as connection:
            names: Iterable[tuple[str]] = connection.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = 'public' AND table_name != 'secrets'"
            ).fetchall()
            everything = sql.SQL("SELECT * FROM {}")
            return repr([connection.execute(everything.format(sql.Identifier(name))).fetchall() for (name,) in names])

    def stored(self) -> bytes:
        return self.dump().encode()


def _placed(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


def new_postgres_database(databases: Databases) -> PostgresDatabase:
    """Return a new database with the newest schema: a copy, because migrating takes most of a first start."""
    template = databases.template("newest_schema", lambda url: migrate(url, MIGRATIONS))
    return PostgresDatabase(databases.create(template))
