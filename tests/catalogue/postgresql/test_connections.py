"""Connections: their settings, the pool after its connections broke, and errors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from media_service.catalogue.postgresql.connections import (
    UnusableDatabase,
    connected,
    connection_pool,
    map_errors,
    parameters,
    place,
)
from media_service.core.errors.service import CatalogueError, StorageFull
from tests.support.postgresql import execute, terminate_others

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://media:secret@db.example:5433/media", "db.example:5433/media"),
        ("postgresql://a.example,b.example/media", "a.example,b.example/media"),
        ("postgresql:///media?host=/run/postgresql", "/run/postgresql/media"),
        ("postgresql://", "this machine"),
    ],
)
def test_messages_name_the_place_of_the_database(url: str, shown: str) -> None:
    assert place(url) == shown


def test_the_url_has_the_last_word() -> None:
    given = parameters("postgresql://db.example/media?connect_timeout=60&application_name=own")
    assert (given["connect_timeout"], given["application_name"]) == ("60", "own")
    assert given["target_session_attrs"] == "read-write"


@pytest.mark.parametrize("change", ["port=1", "dbname=none", "user=nobody-s%20secret"])
def test_a_database_that_cannot_be_used_is_named_in_one_line(database: str, change: str) -> None:
    url = f"{database}?password=wrong-secret&{change}"
    with pytest.raises(UnusableDatabase, match=r"the database .* cannot be used: ") as unusable, connected(url):
        pass
    assert "\n" not in str(unusable.value)
    assert "wrong-secret" not in str(unusable.value)


async def test_server_frees_the_locks_of_a_machine_that_died(database: str) -> None:
    with connected(database) as connection:
        names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    assert found == [("10",), ("5",), ("2",), ("20000",)]


async def value(pool: AsyncConnectionPool[Any], statement: bytes) -> object:
    async with pool.connection() as connection:
        row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row[0]


async def test_a_pool_gives_no_connection_that_the_server_has_closed(database: str) -> None:
    async with connection_pool(database, size=4) as pool:
        for _ in range(3):
            await asyncio.gather(*(value(pool, b"SELECT pg_sleep(0.05)") for _ in range(4)))
            assert terminate_others(database) > 0
            # What the server said last is on its way.
            await asyncio.sleep(0.05)


async def test_commits_are_durable_whatever_the_database_says(database: str) -> None:
    name = database.rpartition("/")[2]
    for setting, used in (("off", "on"), ("local", "local")):
        execute(database, f"ALTER DATABASE {name} SET synchronous_commit TO {setting}")
        async with connection_pool(database, size=1) as pool:
            assert await value(pool, b"SHOW synchronous_commit") == used


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (psycopg.errors.DiskFull(), StorageFull),
        (psycopg.errors.UniqueViolation(), CatalogueError),
        (psycopg.OperationalError(), CatalogueError),
    ],
)
def test_errors_of_the_library_become_ours(error: psycopg.Error, ours: type[Exception]) -> None:
    with pytest.raises(ours) as raised, map_errors():
        raise error
    assert raised.value.__cause__ is error
