"""`Session`: statements in order, and what follows when the connection breaks, the server restarts or falls silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from media_service.catalogue.postgresql import session as session_module
from media_service.catalogue.postgresql.connections import UnusableDatabase
from media_service.catalogue.postgresql.session import Session
from media_service.core.errors.service import CatalogueError
from tests.services.postgresql import PostgreSQL
from tests.support.postgresql import terminate_others
from tests.support.silent_proxy import SilentProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_SECONDS = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


async def test_statements_are_executed_in_their_order(session: Session) -> None:
    results = [session.execute("SELECT %s::int, current_setting('client_encoding')", number) for number in range(100)]
    assert await asyncio.gather(*results) == [[(number, "UTF8")] for number in range(100)]


async def test_a_statement_that_fails_concerns_no_other(session: Session) -> None:
    broken = session.broken
    failing, other = session.execute("SELECT 1 / 0"), session.execute("SELECT 1")
    with pytest.raises(CatalogueError) as failed:
        await failing
    assert "division by zero" in str(failed.value.__cause__)
    assert await other == [(1,)]
    assert not broken.is_set()


async def test_a_broken_connection_fails_what_waits_and_the_next_one_works(session: Session, database: str) -> None:
    broken = session.broken
    # The statement runs in the server when it ends the connection, the other one waits here.
    results = [session.execute("SELECT pg_sleep(10)"), session.execute("SELECT 1")]
    while not terminate_others(database):
        await asyncio.sleep(0.01)
    for result in results:
        with pytest.raises(CatalogueError):
            await result
    assert broken.is_set()
    async with asyncio.timeout(WITHIN_SECONDS):
        await session.wait_connected()
    assert session.broken is not broken
    assert await session.execute("SELECT 1") == [(1,)]


async def test_an_idle_session_notices_at_once_that_its_connection_broke(session: Session, database: str) -> None:
    broken = session.broken
    terminate_others(database)
    async with asyncio.timeout(WITHIN_SECONDS):
        await broken.wait()
        await session.wait_connected()


async def test_session_connects_again_after_a_restart_of_the_server(server: PostgreSQL) -> None:
    session = Session(server.url)
    await session.open()
    broken = session.broken
    with capture_logs() as logged:
        await asyncio.to_thread(server.stop)
        await broken.wait()
        assert not session.is_connected
        with pytest.raises(CatalogueError):
            await session.execute("SELECT 1")
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(WITHIN_SECONDS):
            await session.wait_connected()
    assert await session.execute("SELECT 1") == [(1,)]
    # Not one line for each attempt.
    assert [line["log_level"] for line in logged] == ["warning", "info"]
    await session.close()


async def test_a_silent_server_is_given_up(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SilentProxy(database) as proxy:
        session = Session(proxy.url)
        await session.open()
        monkeypatch.setattr(session_module, "STATEMENT_SECONDS", 0.3)
        broken = session.broken
        proxy.fall_silent()
        with pytest.raises(CatalogueError):
            await session.execute("SELECT 1")
        async with asyncio.timeout(WITHIN_SECONDS):
            await broken.wait()
        proxy.talk()
        async with asyncio.timeout(WITHIN_SECONDS):
            await session.wait_connected()
        assert await session.execute("SELECT 1") == [(1,)]
        await session.close()


async def test_closing_executes_what_waits(database: str, session: Session) -> None:
    ending = Session(database)
    await ending.open()
    results = [ending.execute("SELECT pg_notify('other', %s)", str(number)) for number in range(10)]
    await ending.close()
    assert all(result.exception() is None for result in results)
    with pytest.raises(CatalogueError):
        await ending.execute("SELECT 1")
    assert session.is_connected


async def test_a_session_that_never_connected_can_be_closed() -> None:
    session = Session("postgresql://media@127.0.0.1:1/media")
    opening = asyncio.create_task(session.open())
    await asyncio.sleep(0.2)
    assert not opening.done()
    opening.cancel()
    await session.close()


async def test_a_url_that_the_library_does_not_understand_is_refused_without_its_password() -> None:
    with pytest.raises(UnusableDatabase) as refused:
        await Session("postgresql://media:secret/word@db.example/media?ssl=on").open()
    assert "secret" not in str(refused.value)
    assert "word" not in repr(refused.value.__cause__)
