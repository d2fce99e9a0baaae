"""Processes that change the same rows at once: quotas and versions hold, and none loses what another has recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from media_service.core.upload_states import State
from tests.contracts.catalogues import postgres_catalogue
from tests.core.samples import make_upload
from tests.support.catalogue_process import CatalogueProcess, in_each
from tests.support.postgres_catalogue import empty_catalogue
from tests.support.postgresql import execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.services.postgresql import Databases

WITHIN_SECONDS = 20.0

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def url(postgresql: Databases) -> str:
    return empty_catalogue(postgresql)


@pytest.fixture
def processes(url: str) -> Iterator[Sequence[CatalogueProcess]]:
    with CatalogueProcess(url) as one, CatalogueProcess(url) as other:
        yield one, other


async def waiting(url: str, count: int) -> None:
    """Return when so many statements wait for a lock."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while execute(url, WAITING) != [(count,)]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("limit", "quota", "code"), [(205, None, "quota_exceeded"), (10**6, 20, "too_many_uploads")])
def test_processes_do_not_exceed_a_quota_together(
    processes: Sequence[CatalogueProcess], url: str, limit: int, quota: int | None, code: str
) -> None:
    done = in_each(processes, "create", 30, limit, quota)
    assert sum(each.get("done", 0) for each in done) == 20
    assert sum(each.get(code, 0) for each in done) == 40
    assert execute(url, "SELECT reserved_bytes FROM usage WHERE id IN ('service', 'person:p')") == [(200,), (200,)]


async def test_processes_lose_no_change_of_a_row(processes: Sequence[CatalogueProcess], url: str) -> None:
    async with postgres_catalogue(url) as catalogue:
        await catalogue.create(make_upload(length=70, sender=""))
    in_each(processes, "save", 25)
    assert execute(url, "SELECT version, charged, length(sender) FROM uploads") == [(50, 70, 50)]
    assert execute(url, "SELECT reserved_files, reserved_bytes FROM usage WHERE id = 'service'") == [(1, 70)]


async def test_uploads_are_completed_by_one_process_and_without_a_deadlock(
    processes: Sequence[CatalogueProcess], url: str
) -> None:
    uploads, pieces = 8, 40
    async with postgres_catalogue(url) as catalogue:
        for number in range(uploads):
            await catalogue.create(make_upload(id=f"u{number}", length=10 * pieces))
        ((before,),) = execute(url, DEADLOCKS)
        one, other = in_each(processes, "record", uploads, pieces)
        assert sorted([*one, *other]) == sorted(f"u{number}" for number in range(uploads))
        assert len(await catalogue.in_state({State.RECEIVED})) == uploads
        assert await catalogue.receiving_whole() == []
    assert execute(url, "SELECT count(*), sum(stop - start) FROM slices") == [(uploads * pieces, 3200)]
    assert execute(url, DEADLOCKS) == [(before,)]


async def test_a_peek_waits_for_the_record_of_a_killed_process(url: str) -> None:
    async with postgres_catalogue(url) as catalogue:
        await catalogue.create(make_upload(id="u0", length=100))
        with psycopg.connect(url) as locking, CatalogueProcess(url) as process:
            locking.execute("SELECT 1 FROM uploads FOR UPDATE")
            process.send("record", 0, 1, 5)
            await waiting(url, 1)
            process.kill()
            peeking = asyncio.create_task(catalogue.peek("u0", 0, 10))
            await waiting(url, 2)
            assert not peeking.done()
            locking.rollback()
            assert await peeking == (0, True)
        assert execute(url, "SELECT count(*) FROM slices") == [(5,)]
