"""A catalogue in PostgreSQL for each test: one database for each process of the run, emptied before each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from media_service.catalogue.schema import metadata
from tests.support.databases import new_postgres_database

if TYPE_CHECKING:
    from tests.services.postgresql import Databases

_EMPTY = "; ".join(
    [
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        *(f"SELECT setval('{name}_seq', 1, false)" for name in ("listed_files_number", "audit_id")),
        "INSERT INTO usage (id) VALUES ('service')",
    ]
)


@pytest.fixture(scope="session")
def process_catalogue(postgresql: Databases) -> str:
    """Return the URL of a database with the newest schema, one for each process of the run."""
    return new_postgres_database(postgresql).url


def empty(url: str) -> None:
    """Delete all rows of a catalogue."""
    with psycopg.connect(url) as connection:
        # A database of its own takes 100 ms, TRUNCATE of all tables 600.
        connection.execute(_EMPTY.encode())
