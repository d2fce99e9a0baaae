"""Changes on pooled connections: all or nothing, repeated after a deadlock, and the server away or restarted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from media_service.catalogue.change import Change, Refused
from media_service.catalogue.compiled import CompiledStatement, Statement
from media_service.catalogue.postgresql.migrate import migrate
from media_service.catalogue.postgresql.pool import Pool
from media_service.core.errors.service import CatalogueError
from media_service.core.upload import Slice
from tests.catalogue.samples import keep, make_file
from tests.contracts.catalogues import postgres_catalogue
from tests.core.samples import make_upload
from tests.services.postgresql import PostgreSQL
from tests.support.postgres_catalogue import MIGRATIONS, empty_catalogue
from tests.support.postgresql import execute, terminate_others

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.services.postgresql import Databases

WITHIN_SECONDS = 30.0


def sql(statement: str) -> Statement:
    return CompiledStatement(text(statement)).bind({})


def add(name: str) -> Statement:
    return sql(f"INSERT INTO usage (id) VALUES ('{name}') RETURNING id, files")


@pytest.fixture
def url(postgresql: Databases) -> str:
    return empty_catalogue(postgresql)


@pytest_asyncio.fixture
async def pool(url: str) -> AsyncIterator[Pool]:
    pool = Pool(url)
    await pool.open()
    yield pool
    await pool.close()


async def test_a_row_has_its_columns_by_number_and_name(pool: Pool) -> None:
    (row,) = await pool.rows(sql("SELECT 5 AS number, 'a' AS letter, NULL AS nothing"))
    number, letter, nothing = row
    assert (number, letter, nothing) == (row[0], row["letter"], row[-1]) == (5, "a", None)
    with pytest.raises(KeyError):
        row["other"]


async def test_a_change_returns_the_rows_of_its_statements_and_not_of_its_locks(pool: Pool) -> None:
    locks = [sql("SELECT id FROM usage FOR UPDATE")]
    more = [add("c"), sql("SELECT 1, true")]
    rows = await pool.execute(Change([add("a"), add("b"), *more], 0, [add("d")], locks=locks))
    assert rows == [("a", 0), ("b", 0), ("c", 0), (1, True), ("d", 0)]


async def test_further_statements_are_left_out_if_the_last_value_is_false(pool: Pool) -> None:
    assert await pool.execute(Change([sql("SELECT 1, false")], further=[add("a")])) == [(1, False)]


@pytest.mark.parametrize(
    "guard", ["SELECT id FROM usage WHERE id = 'no'", "UPDATE usage SET files = 1 WHERE id = 'no'"]
)
async def test_a_refused_change_changes_nothing_and_says_what_it_read(pool: Pool, url: str, guard: str) -> None:
    with pytest.raises(Refused) as refused:
        await pool.execute(Change([sql("SELECT 7"), sql(guard), add("a")], guard=1))
    assert refused.value.rows == [(7,)]
    assert execute(url, "SELECT id FROM usage") == [("service",)]


async def test_a_change_that_fails_changes_nothing(pool: Pool, url: str) -> None:
    with pytest.raises(CatalogueError) as failed:
        await pool.execute(Change([add("a"), sql("SELECT 1 / 0"), add("b")]))
    assert "division by zero" in str(failed.value.__cause__)
    assert execute(url, "SELECT id FROM usage") == [("service",)]
    await pool.execute(Change([add("a")]))


async def test_the_change_of_a_cancelled_caller_is_committed(pool: Pool, url: str) -> None:
    changing = asyncio.create_task(pool.execute(Change([sql("SELECT pg_sleep(0.2)"), add("a")])))
    await asyncio.sleep(0.1)
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    await pool.close()
    assert execute(url, "SELECT id FROM usage ORDER BY 1") == [("a",), ("service",)]


async def test_a_change_is_repeated_after_a_deadlock(pool: Pool, url: str) -> None:
    execute(url, "INSERT INTO usage (id) VALUES ('a')")
    first, second = sql("UPDATE usage SET files = 1 WHERE id = 'a'"), "UPDATE usage SET files = 2 WHERE id = 'service'"
    with psycopg.connect(url) as other:
        # So that the server ends our transaction, and not this one.
        other.execute("SET deadlock_timeout = '60s'")
        other.execute(second.encode())
        changing = asyncio.create_task(pool.execute(Change([first, sql("SELECT pg_sleep(0.3)"), sql(second)])))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(other.execute, "UPDATE usage SET files = 3 WHERE id = 'a'")
        other.commit()
        await changing
    assert execute(url, "SELECT id, files FROM usage ORDER BY 1") == [("a", 1), ("service", 2)]


async def test_connections_that_broke_while_idle_fail_nothing(pool: Pool, url: str) -> None:
    for number in range(3):
        await asyncio.gather(*(pool.rows(sql("SELECT pg_sleep(0.05)")) for _ in range(4)))
        terminate_others(url)
        await asyncio.sleep(0.05)
        await asyncio.gather(*(pool.execute(Change([add(f"{number}.{each}")])) for each in range(8)))


async def test_what_waits_for_a_server_that_is_away_fails_soon() -> None:
    pool = Pool("postgresql://media@127.0.0.1:1/none")
    await pool.open()
    async with asyncio.timeout(WITHIN_SECONDS):
        outcomes = await asyncio.gather(*(pool.rows(sql("SELECT 1")) for _ in range(40)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CatalogueError}
    await pool.close()


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed() -> None:
    with PostgreSQL() as server:
        migrate(server.url, MIGRATIONS)
        async with postgres_catalogue(server.url) as catalogue:
            await keep(catalogue, make_file())
            await catalogue.create(make_upload(id="u", length=None))
            recorded: list[int] = []
            errors: list[Exception] = []
            working = [asyncio.create_task(record(catalogue, first, recorded, errors)) for first in range(4)]
            working += [asyncio.create_task(read(catalogue, errors)) for _ in range(2)]
            for _ in range(2):
                await until(recorded)
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(server.start)
                await until(recorded)
            for task in working:
                task.cancel()
            await asyncio.wait(working)
            assert {type(error) for error in errors} <= {CatalogueError}
            loaded = await catalogue.load("u")
            assert loaded is not None
            assert {*recorded} <= {piece.start for piece in loaded[1]}


async def record(catalogue: Any, first: int, recorded: list[int], errors: list[Exception]) -> None:
    """Record every fourth byte, and note what was acknowledged; try one that failed again."""
    start = first
    while True:
        try:
            await catalogue.record("u", Slice(start, start + 1), 5)
        except Exception as error:
            errors.append(error)
            await asyncio.sleep(0.05)
        else:
            recorded.append(start)
            start += 4


async def read(catalogue: Any, errors: list[Exception]) -> None:
    """Read files and change an upload."""
    number = 0
    while True:
        number += 1
        try:
            assert len((await catalogue.list_files("night", "title", None, 5))[0]) == 1
            await catalogue.create(make_upload(id=f"{id(asyncio.current_task())}-{number}", length=1))
        except Exception as error:
            errors.append(error)
            await asyncio.sleep(0.05)


async def until(recorded: list[int]) -> None:
    """Return when 50 more slices are recorded."""
    enough = len(recorded) + 50
    async with asyncio.timeout(WITHIN_SECONDS):
        while len(recorded) < enough:
            await asyncio.sleep(0.01)


async def test_cancellation_while_a_connection_comes_is_not_lost(url: str) -> None:
    for turns in range(12):
        pool = Pool(url)
        await pool.open()
        reading = asyncio.create_task(pool.rows(sql("SELECT 1")))
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                await until_queued(pool, 1)
                await until_queued(pool, 0)
            for _ in range(turns):
                await asyncio.sleep(0)
            was_done = not reading.cancel()
            await asyncio.wait({reading})
            assert reading.cancelled() or was_done, f"{turns} turns of the loop after the connection came"
        finally:
            await pool.close()


async def until_queued(pool: Pool, count: int) -> None:
    """Return when so many requests wait for a connection."""
    while pool._pool.get_stats()["requests_waiting"] != count:
        await asyncio.sleep(0)
