"""Adapters that the suites of `core.ports.catalogue` and `core.ports.sessions` check."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from media_service.catalogue.postgresql import usage_check as postgres_usage_check
from media_service.catalogue.postgresql.catalogue import PostgresCatalogue
from media_service.catalogue.sqlite import usage_check
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.ipc.client import RpcClient
from tests.catalogue.samples import reopened, rows, write
from tests.contracts.wrappers import plain, wrapped
from tests.intake.model_catalogue import ModelReceiving
from tests.support.new_catalogue import write_new_catalogue
from tests.support.postgres_catalogue import empty_catalogue
from tests.support.postgresql import execute
from tests.support.rpc import commit_service, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import pytest

    from media_service.catalogue.usage_check import UsageRow

    # A folder of the test, and what finds its fixtures.
    Adapters = dict[str, Callable[[Path, Callable[[str], Any]], AbstractAsyncContextManager["Subject"]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """An empty catalogue.

    `reopened` yields that of the next process, `rows` returns what another program selects, `write` executes what other
    adapters write, and `check_usage` returns the rows of usage with what they should be.
    """

    catalogue: Any
    reopened: Callable[[], AbstractAsyncContextManager[Any]]
    rows: Callable[[str], list[Any]]
    write: Callable[[str], None]
    check_usage: Callable[[], Sequence[UsageRow]] = list


@asynccontextmanager
async def sqlite(folder: Path, wrap: Callable[[Any], Any] = plain) -> AsyncIterator[Subject]:
    """Yield a catalogue in a file of this folder."""
    path = folder / "catalogue.sqlite3"
    write_new_catalogue(path)
    async with served(RpcClient(), commit_service(path)) as rpc:
        catalogue = SqliteCatalogue(path, rpc)
        await catalogue.open()
        check = partial(usage_check.check, path)
        yield Subject(wrap(catalogue), partial(reopened, path), partial(rows, path), partial(write, path), check)
        await catalogue.close()


@asynccontextmanager
async def postgresql(_folder: Path, fixture: Callable[[str], Any]) -> AsyncIterator[Subject]:
    """Yield a catalogue in a database of PostgreSQL."""
    url = empty_catalogue(fixture("postgresql"))

    def write(statement: str) -> None:
        execute(url, statement)

    async with postgres_catalogue(url) as catalogue:
        other, check = partial(postgres_catalogue, url), partial(postgres_usage_check.check, url)
        yield Subject(catalogue, other, partial(execute, url), write, check)


@asynccontextmanager
async def postgres_catalogue(url: str) -> AsyncIterator[PostgresCatalogue]:
    """Yield the catalogue of one process."""
    catalogue = PostgresCatalogue(url, waits_for_records=True)
    await catalogue.open()
    try:
        yield catalogue
    finally:
        await catalogue.close()


ADAPTERS: Adapters = {
    "sqlite": lambda folder, _: sqlite(folder),
    "wrapped": lambda folder, _: sqlite(folder, lambda catalogue: wrapped(catalogue, "expiring")),
    "postgresql": postgresql,
}
"""Every adapter of the whole port."""


@asynccontextmanager
async def model(folder: Path) -> AsyncIterator[Subject]:
    """Yield the model, which has only the methods that receiving uses, and survives its process."""
    catalogue = ModelReceiving()

    @asynccontextmanager
    async def reopened() -> AsyncIterator[ModelReceiving]:
        yield catalogue

    yield Subject(catalogue, reopened, lambda query: [], lambda statement: None)


RECEIVING_ADAPTERS: Adapters = {**ADAPTERS, "model": lambda folder, _: model(folder)}
"""Every adapter of the methods that receiving uses."""


def subject_fixture(adapters: Adapters) -> Any:
    """Return the fixture `subject`, which yields each of these adapters."""

    @pytest_asyncio.fixture(params=list(adapters))
    async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
        async with adapters[request.param](tmp_path, request.getfixturevalue) as subject:
            yield subject

    return subject
