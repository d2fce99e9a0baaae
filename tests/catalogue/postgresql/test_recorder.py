"""Slices recorded in groups: few transactions, and what fails of a group fails alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.catalogue.postgresql.recorder import MAX_BATCH, Recorder
from media_service.core.errors.service import CatalogueError, ChangedMeanwhile
from media_service.core.upload import Recorded, Slice
from tests.contracts.catalogues import postgres_catalogue
from tests.core.samples import make_upload
from tests.support.postgres_catalogue import empty_catalogue
from tests.support.postgresql import execute, terminate_others

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.services.postgresql import Databases

TRANSACTIONS = "SELECT count(DISTINCT xmin::text), count(*) FROM slices"


@pytest.fixture
def url(postgresql: Databases) -> str:
    return empty_catalogue(postgresql)


@pytest_asyncio.fixture
async def recorder(url: str) -> AsyncIterator[Recorder]:
    async with postgres_catalogue(url) as catalogue:
        await catalogue.create(make_upload(length=10 * MAX_BATCH))
    recorder = Recorder(url)
    await recorder.open()
    yield recorder
    await recorder.close()


def record(recorder: Recorder, start: int, stop: int) -> asyncio.Task[Recorded]:
    return asyncio.create_task(recorder.record("u", Slice(start, stop, bytes(32)), 5, last=False, complete=True))


async def test_slices_that_wait_share_a_transaction(recorder: Recorder, url: str) -> None:
    first = record(recorder, 0, 1)
    await asyncio.sleep(0)
    await asyncio.gather(first, *(record(recorder, start, start + 1) for start in range(1, 500)))
    ((transactions, slices),) = execute(url, TRANSACTIONS)
    assert slices == 500
    assert transactions <= 3


async def test_a_group_has_a_size(recorder: Recorder, url: str) -> None:
    await asyncio.gather(*(record(recorder, start, start + 1) for start in range(MAX_BATCH + 1)))
    assert execute(url, TRANSACTIONS) == [(2, MAX_BATCH + 1)]


async def test_a_refused_slice_refuses_no_other(recorder: Recorder) -> None:
    bounds = [(0, 10), (5, 15), (10, 20), (0, 10), (19, 21)]
    outcomes = await asyncio.gather(*(record(recorder, *each) for each in bounds), return_exceptions=True)
    recorded = Recorded(whole=False, version=0)
    assert [type(each) if isinstance(each, BaseException) else each for each in outcomes] == [
        recorded,
        ChangedMeanwhile,
        recorded,
        recorded,
        ChangedMeanwhile,
    ]


async def test_a_slice_that_the_database_does_not_take_fails_alone(recorder: Recorder, url: str) -> None:
    bounds = [(0, 1), (2**63, 2**63 + 1), (1, 2)]
    outcomes = await asyncio.gather(*(record(recorder, *each) for each in bounds), return_exceptions=True)
    assert [type(each) for each in outcomes] == [Recorded, CatalogueError, Recorded]
    assert execute(url, "SELECT start FROM slices ORDER BY 1") == [(0,), (1,)]


async def test_a_broken_connection_fails_what_is_on_it_and_the_next_ones_are_recorded(
    recorder: Recorder, url: str
) -> None:
    await record(recorder, 0, 1)
    sent = [record(recorder, start, start + 1) for start in range(1, 5)]
    await asyncio.sleep(0)
    terminate_others(url)
    await asyncio.wait(sent)
    for task in sent:
        assert task.exception() is None or isinstance(task.exception(), CatalogueError)
    assert await record(recorder, 1, 2) == Recorded(whole=False, version=0)


async def test_closing_records_what_waits(recorder: Recorder, url: str) -> None:
    sent = [record(recorder, start, start + 1) for start in range(5)]
    await asyncio.sleep(0)
    await recorder.close()
    await asyncio.gather(*sent)
    assert execute(url, "SELECT count(*) FROM slices") == [(5,)]


async def test_the_slice_of_a_cancelled_caller_is_recorded(recorder: Recorder, url: str) -> None:
    cancelled, other = record(recorder, 0, 1), record(recorder, 1, 2)
    await asyncio.sleep(0)
    cancelled.cancel()
    await other
    assert execute(url, "SELECT count(*) FROM slices") == [(2,)]
