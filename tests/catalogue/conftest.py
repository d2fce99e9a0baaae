"""A catalogue with the newest schema, in a real file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.migrate import migrate
from media_service.ipc.client import RpcClient
from tests.catalogue.commits import Connections, writing
from tests.support.rpc import commit_service, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.catalogue.sqlite.commit_client import CommitClient

SCRIPTS = Path(__file__).parents[2] / "migrations"


@pytest.fixture(scope="session")
def scripts() -> Path:
    """Return the folder of migrations."""
    return SCRIPTS


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, scripts: Path) -> Path:
    """Return an empty database, migrated once for all tests."""
    path = tmp_path_factory.mktemp("template") / "catalogue.sqlite3"
    migrate(path, scripts)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """Return a copy of the empty database for one test."""
    path = tmp_path / "catalogue.sqlite3"
    shutil.copy(template, path)
    return path


@pytest_asyncio.fixture
async def database(path: Path) -> AsyncIterator[SqliteCatalogue]:
    """Return the open catalogue of that copy."""
    async with served(RpcClient(), commit_service(path)) as line:
        database = SqliteCatalogue(path, line)
        await database.open()
        yield database
        await database.close()


@pytest.fixture
def connections(path: Path) -> Connections:
    """Return the connections of a catalogue with one upload."""
    return Connections(path)


@pytest_asyncio.fixture
async def writer(connections: Connections) -> AsyncIterator[CommitClient]:
    """Return a client of a running commit server."""
    async with writing(connections.open) as writer:
        yield writer
