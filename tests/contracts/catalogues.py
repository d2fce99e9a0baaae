"""Adapters that the suites of `core.ports.catalogue` and `core.ports.sessions` check."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.ipc.client import RpcClient
from tests.catalogue.samples import reopened, rows, write
from tests.contracts.wrappers import plain, wrapped
from tests.intake.model_catalogue import ModelReceiving
from tests.support.new_catalogue import write_new_catalogue
from tests.support.rpc import commit_service, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import pytest

    Adapters = dict[str, Callable[[Path], AbstractAsyncContextManager["Subject"]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """An empty catalogue.

    `reopened` yields that of the next process, `rows` returns what another program selects, `write` executes what other
    adapters write.
    """

    catalogue: Any
    reopened: Callable[[], AbstractAsyncContextManager[Any]]
    rows: Callable[[str], list[Any]]
    write: Callable[[str], None]


@asynccontextmanager
async def sqlite(folder: Path, wrap: Callable[[Any], Any] = plain) -> AsyncIterator[Subject]:
    """Yield a catalogue in a file of this folder."""
    path = folder / "catalogue.sqlite3"
    write_new_catalogue(path)
    async with served(RpcClient(), commit_service(path)) as rpc:
        catalogue = SqliteCatalogue(path, rpc)
        await catalogue.open()
        yield Subject(wrap(catalogue), partial(reopened, path), partial(rows, path), partial(write, path))
        await catalogue.close()


ADAPTERS: Adapters = {
    "sqlite": sqlite,
    "wrapped": partial(sqlite, wrap=lambda catalogue: wrapped(catalogue, "expiring")),
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


RECEIVING_ADAPTERS = {**ADAPTERS, "model": model}
"""Every adapter of the methods that receiving uses."""


def subject_fixture(adapters: Adapters) -> Any:
    """Return the fixture `subject`, which yields each of these adapters."""

    @pytest_asyncio.fixture(params=list(adapters))
    async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
        async with adapters[request.param](tmp_path) as subject:
            yield subject

    return subject
