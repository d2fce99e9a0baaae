"""Suite of `core.ports.locks.Locks`: one holder among all tasks and processes, and none after its death."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.catalogue.postgresql.locks import PostgresLocks
from media_service.catalogue.postgresql.session import Session
from media_service.storage.locks import FileLocks
from tests.support.store_process import StoreProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.locks import Locks

DEATH_SECONDS = 5.0
"""Within which a server notices the end of a process; the kernel does so at once."""


@asynccontextmanager
async def opened(folder: Path, database: str) -> AsyncIterator[Locks]:
    """Yield the locks of a process: in the database, if there is one."""
    if database:
        session = Session(database)
        await session.open()
        yield PostgresLocks(session)
        await session.close()
    else:
        locks = FileLocks(folder / "locks")
        yield locks
        locks.close()


@pytest.fixture(params=["file", "postgresql"])
def where(request: pytest.FixtureRequest) -> str:
    """Return the URL of the database that has the locks; nothing for a file."""
    return str(request.getfixturevalue("database")) if request.param == "postgresql" else ""


@pytest_asyncio.fixture
async def processes(where: str, tmp_path: Path) -> AsyncIterator[tuple[Locks, Locks]]:
    """Yield the locks of two processes."""
    async with opened(tmp_path, where) as one, opened(tmp_path, where) as other:
        yield one, other


@pytest.fixture
def locks(processes: tuple[Locks, Locks]) -> Locks:
    return processes[0]


@pytest.fixture
def other(processes: tuple[Locks, Locks]) -> Locks:
    return processes[1]


async def test_lock_has_one_holder_until_it_is_released(locks: Locks, other: Locks) -> None:
    assert await locks.acquire("a", 0)
    for waiting in (locks, other):
        assert not await waiting.acquire("a", 0)
        assert not await waiting.acquire("a", 0.02)
    locks.release("a")
    # In a database it is free once that has heard of it.
    assert await other.acquire("a", 60)
    assert not await locks.acquire("a", 0)
    other.release("a")


async def test_names_are_independent(locks: Locks, other: Locks) -> None:
    for number in range(100):
        assert await (locks, other)[number % 2].acquire(f"글/{number}", 0)
    for number in range(100):
        (locks, other)[number % 2].release(f"글/{number}")


@pytest.mark.parametrize("same", [True, False])
async def test_waiting_task_gets_the_lock_when_it_is_released(locks: Locks, other: Locks, *, same: bool) -> None:
    assert await locks.acquire("a", 0)
    waiting = asyncio.create_task((locks if same else other).acquire("a", 60))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    locks.release("a")
    assert await waiting


@pytest.mark.parametrize("same", [True, False])
async def test_cancelled_task_leaves_the_lock_to_the_others(locks: Locks, other: Locks, *, same: bool) -> None:
    assert await locks.acquire("a", 0)
    waiting = asyncio.create_task((locks if same else other).acquire("a", 60))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    locks.release("a")
    for holder in (other, locks):
        assert await holder.acquire("a", 60)
        holder.release("a")


async def test_tasks_of_two_processes_exclude_each_other(locks: Locks, other: Locks) -> None:
    holders, most = 0, 0

    async def hold(holder: Locks) -> None:
        nonlocal holders, most
        for _ in range(5):
            assert await holder.acquire("a", 60)
            holders += 1
            most = max(most, holders)
            await asyncio.sleep(0)
            holders -= 1
            holder.release("a")

    await asyncio.gather(*(hold(holder) for holder in (locks, other) * 4))
    assert most == 1


async def test_lock_of_a_killed_process_is_free(locks: Locks, where: str, tmp_path: Path) -> None:
    with StoreProcess(tmp_path, where) as process:
        assert process.call("acquire", "a", 0)
        assert not await locks.acquire("a", 0)
        process.kill()
        assert await locks.acquire("a", DEATH_SECONDS if where else 0)


async def test_killed_process_that_waited_does_not_get_the_lock(locks: Locks, where: str, tmp_path: Path) -> None:
    assert await locks.acquire("a", 0)
    with StoreProcess(tmp_path, where) as process:
        assert process.call("acquire", "b", 0)
        process.send("acquire", "a", 60)
        process.kill()
    locks.release("a")
    assert await locks.acquire("a", DEATH_SECONDS if where else 0)
    assert await locks.acquire("b", DEATH_SECONDS if where else 0)


def test_counting_under_a_lock_loses_nothing(where: str, tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    with StoreProcess(tmp_path, where) as one, StoreProcess(tmp_path, where) as other:
        for process in (one, other):
            process.send("count", "a", 4, 25)
        one.result()
        other.result()
    assert (tmp_path / "number").read_text() == "200"


async def test_no_lock_of_a_process_that_lives_is_lost(locks: Locks) -> None:
    assert await locks.acquire("a", 0)
    lost = asyncio.create_task(locks.wait_lost())
    await asyncio.sleep(0.1)
    assert not lost.done()
    lost.cancel()
