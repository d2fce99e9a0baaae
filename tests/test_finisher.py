"""One finisher of all nodes is active, the others stand by, and one that lost its lock ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service import finisher
from media_service.catalogue.postgresql.locks import PostgresLocks
from media_service.catalogue.postgresql.session import Session
from media_service.finisher import LOCK, become_active, watch_lock
from tests.contracts.test_locks import DEATH_SECONDS, opened, where
from tests.services.postgresql import PostgreSQL
from tests.support.postgresql import terminate_others
from tests.support.store_process import StoreProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.locks import Locks

__all__ = ["where"]

WITHIN_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finisher, "STANDBY_SECONDS", 0.02)


@pytest_asyncio.fixture
async def processes(where: str, tmp_path: Path) -> AsyncIterator[list[Locks]]:  # pytest passes it
    """Yield the locks of three processes."""
    async with opened(tmp_path, where) as one, opened(tmp_path, where) as two, opened(tmp_path, where) as three:
        yield [one, two, three]


async def test_one_is_active_at_a_time_and_each_gets_its_turn(processes: list[Locks]) -> None:
    active = turns = 0

    async def work(locks: Locks) -> None:
        nonlocal active, turns
        await become_active(locks)
        active += 1
        assert active == 1
        await asyncio.sleep(0.1)
        active -= 1
        turns += 1
        locks.release(LOCK)

    async with asyncio.timeout(WITHIN_SECONDS):
        await asyncio.gather(*map(work, processes))
    assert turns == 3


async def test_stand_by_takes_over_from_a_killed_process(
    processes: list[Locks],
    where: str,
    tmp_path: Path,  # pytest passes it
) -> None:
    with StoreProcess(tmp_path, where) as killed:
        assert killed.call("acquire", LOCK, 0)
        waiting = asyncio.create_task(become_active(processes[0]))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        killed.kill()
        async with asyncio.timeout(DEATH_SECONDS):
            await waiting


async def test_stand_by_that_is_cancelled_takes_nothing(processes: list[Locks]) -> None:
    await become_active(processes[0])
    waiting = asyncio.create_task(become_active(processes[1]))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    processes[0].release(LOCK)
    async with asyncio.timeout(WITHIN_SECONDS):
        await become_active(processes[2])


async def test_process_that_lost_its_lock_gives_up_and_another_one_is_active(
    database: str,  # pytest passes it
) -> None:
    sessions = [Session(database), Session(database)]
    for session in sessions:
        await session.open()
    locks, given_up = [PostgresLocks(session) for session in sessions], asyncio.Event()
    await become_active(locks[0])
    watching = asyncio.create_task(watch_lock(locks[0], given_up.set))
    waiting = asyncio.create_task(become_active(locks[1]))
    await asyncio.sleep(0.1)
    assert not given_up.is_set()
    terminate_others(database)
    async with asyncio.timeout(WITHIN_SECONDS):
        # The other one's connection broke too.
        await asyncio.gather(given_up.wait(), watching, waiting)
    for session in sessions:
        await session.close()


async def test_stand_by_waits_while_the_server_is_away() -> None:
    with PostgreSQL() as server:
        session = Session(server.url)
        await session.open()
        await asyncio.to_thread(server.stop)
        waiting = asyncio.create_task(become_active(PostgresLocks(session)))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(WITHIN_SECONDS):
            await waiting
        await session.close()
