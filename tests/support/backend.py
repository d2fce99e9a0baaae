"""What a service of the tests is built on: SQLite and a data folder, or, with `pytest --cluster`, PostgreSQL and S3."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.databases import Database, SqliteDatabase, new_postgres_database
from tests.support.stores import FolderStore, ObjectStore, Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets


@dataclass(frozen=True)
class Backend:
    """A database and a store. Servers with the same backend are nodes of one service."""

    database: Database
    store: Store

    @property
    def settings(self) -> dict[str, object]:
        """Return the settings that name both."""
        return self.database.settings() | self.store.settings()


def folder_backend(data: Path) -> Backend:
    """Return what the service uses by default."""
    return Backend(SqliteDatabase(data), FolderStore(data))


@dataclass(frozen=True)
class Cluster:
    """Servers that have a new backend for each service: a database of its own, and a prefix in one bucket."""

    databases: Databases
    buckets: Buckets
    bucket: str

    def new_backend(self) -> Backend:
        """Return a backend that is empty."""
        store = ObjectStore(self.buckets, self.bucket, secrets.token_hex(8))
        return Backend(new_postgres_database(self.databases), store)
