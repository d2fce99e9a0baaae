"""`PostgresLocks`: what becomes of locks when the connection breaks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.catalogue.postgresql.locks import PostgresLocks
from media_service.catalogue.postgresql.session import Session
from media_service.core.errors.service import CatalogueError
from tests.services.postgresql import PostgreSQL
from tests.support.postgresql import execute, terminate_others

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WITHIN_SECONDS = 20.0


@pytest.fixture
def locks(session: Session) -> PostgresLocks:
    return PostgresLocks(session)


@pytest_asyncio.fixture
async def other(database: str) -> AsyncIterator[PostgresLocks]:
    session = Session(database)
    await session.open()
    yield PostgresLocks(session)
    await session.close()


async def reconnected(session: Session, database: str) -> None:
    """End the connections of all sessions, and return when this one has the next."""
    broken = session.broken
    terminate_others(database)
    async with asyncio.timeout(WITHIN_SECONDS):
        await broken.wait()
        await session.wait_connected()


@pytest.mark.parametrize("waits_before", [True, False])
async def test_loss_of_a_lock_is_told(
    session: Session, locks: PostgresLocks, database: str, *, waits_before: bool
) -> None:
    assert await locks.acquire("a", 0)
    waiting = asyncio.create_task(locks.wait_lost()) if waits_before else None
    await asyncio.sleep(0)
    await reconnected(session, database)
    async with asyncio.timeout(WITHIN_SECONDS):
        await (waiting or locks.wait_lost())
    locks.release("a")


async def test_no_loss_is_told_to_whom_holds_nothing(session: Session, locks: PostgresLocks, database: str) -> None:
    waiting = asyncio.create_task(locks.wait_lost())
    await reconnected(session, database)
    assert await locks.acquire("a", 1)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await reconnected(session, database)
    async with asyncio.timeout(WITHIN_SECONDS):
        await waiting


async def test_lost_lock_is_not_taken_from_its_next_holder(
    session: Session, locks: PostgresLocks, other: PostgresLocks, database: str
) -> None:
    assert await locks.acquire("a", 0)
    await reconnected(session, database)
    while True:
        try:
            assert await other.acquire("a", 0)
            break
        except CatalogueError:
            await asyncio.sleep(0.01)
    # A task of this process works on, and does not know of the loss.
    assert not await locks.acquire("a", 0)
    locks.release("a")
    assert not await locks.acquire("a", 0.05)
    other.release("a")
    assert await locks.acquire("a", WITHIN_SECONDS)
    assert not await other.acquire("a", 0)


async def test_every_lock_works_after_the_server_was_restarted() -> None:
    with PostgreSQL() as server:
        session = Session(server.url)
        await session.open()
        locks = PostgresLocks(session)
        assert await locks.acquire("a", 0)
        await asyncio.to_thread(server.stop)
        async with asyncio.timeout(WITHIN_SECONDS):
            await locks.wait_lost()
        with pytest.raises(CatalogueError):
            await locks.acquire("b", 60)
        locks.release("a")
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(WITHIN_SECONDS):
            await session.wait_connected()
        for name in ("a", "b"):
            assert await locks.acquire(name, 0)
        await session.close()


async def test_attempt_that_is_cancelled_on_its_way_leaves_no_lock(
    session: Session, locks: PostgresLocks, other: PostgresLocks, database: str
) -> None:
    for _ in range(20):
        acquiring = asyncio.create_task(locks.acquire("a", 60))
        await asyncio.sleep(0)
        acquiring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acquiring
        assert await other.acquire("a", WITHIN_SECONDS)
        other.release("a")
    await session.execute("SELECT 1")
    assert execute(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") in ([(0,)], [(1,)])


async def test_lock_of_a_task_outlives_another_ones_cancelled_attempt(
    locks: PostgresLocks, other: PostgresLocks
) -> None:
    cancelled = asyncio.create_task(locks.acquire("a", 60))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await locks.acquire("a", 60)
    await asyncio.sleep(0.05)
    assert not await other.acquire("a", 0)
