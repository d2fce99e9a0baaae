"""Sessions of two processes that share a catalogue, with hints and without."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.core.errors.service import CatalogueError
from media_service.http.security import sessions
from media_service.http.security.sessions import Sessions
from media_service.ipc.bus import LocalBus
from tests.contracts.catalogues import sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.sessions import SessionStore

WITHIN_SECONDS = 5.0


class FullDisk:
    """The sessions of another store, of which none can be written or deleted."""

    def __init__(self, store: SessionStore) -> None:
        self.sessions, self.session = store.sessions, store.session

    async def begin_session(self, _digest: bytes, _created_at: int, _expires_at: int) -> None:
        raise CatalogueError

    async def end_session(self, _digest: bytes) -> None:
        raise CatalogueError


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SessionStore]:
    async with sqlite(tmp_path) as subject:
        yield subject.catalogue


@pytest_asyncio.fixture
async def here(store: SessionStore) -> AsyncIterator[Sessions]:
    """Return the sessions of a process that hears no hints."""
    yield Sessions(store, "token", lambda: 1_000, LocalBus())


async def until_invalid(sessions: Sessions, value: str) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while sessions.is_valid(value):
            await asyncio.sleep(0.01)


async def test_session_of_another_process_is_learned_from_the_store(store: SessionStore, here: Sessions) -> None:
    value = await Sessions(store, "token", lambda: 1_000, LocalBus()).begin()
    assert not here.is_valid(value)
    await here.learn(value)
    assert here.is_valid(value)
    await here.learn("unknown")
    assert not here.is_valid("unknown")


async def test_session_that_another_process_ends_is_invalid_after_its_hint(store: SessionStore) -> None:
    bus = LocalBus()
    one, other = (Sessions(store, "token", lambda: 1_000, bus) for _ in range(2))
    running = asyncio.create_task(other.run())
    value = await one.begin()
    await other.learn(value)
    assert other.is_valid(value)
    await one.end(value)
    await until_invalid(other, value)
    running.cancel()


async def test_session_that_another_process_ends_is_invalid_later_without_a_hint(
    store: SessionStore, here: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "RELOAD_SECONDS", 0.05)
    running = asyncio.create_task(here.run())
    value = await here.begin()
    other = Sessions(store, "token", lambda: 1_000, LocalBus())
    await other.load()
    await other.end(value)
    await until_invalid(here, value)
    running.cancel()


async def test_session_stays_ended_though_its_row_is_loaded_again(store: SessionStore, here: Sessions) -> None:
    value = await here.begin()
    full = Sessions(FullDisk(store), "token", lambda: 1_000, LocalBus())
    await full.load()
    with pytest.raises(CatalogueError):
        await full.end(value)
    await full.load()
    await full.learn(value)
    assert not full.is_valid(value)


async def test_session_that_could_not_be_stored_survives_a_load(store: SessionStore) -> None:
    full = Sessions(FullDisk(store), "token", lambda: 1_000, LocalBus())
    value = await full.begin()
    await full.load()
    assert full.is_valid(value)
