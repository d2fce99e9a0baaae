"""Servers and clients that several rooms' tests share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from tests.support.api import Api
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


def missing(what: str) -> None:
    """Skips loudly for want of a program; in CI that is a failure, since CI installs them all."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"SKIPPED FOR WANT OF {what}")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it as they found it."""
    with Server(
        tmp_path_factory.mktemp("shared") / "data", disk_reserve=0, verdict_wait_slice=5, sweep_interval=1
    ) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of the test's own."""
    return tmp_path / "data"


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a connection pool."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture
def api(shared_server: Server, session: aiohttp.ClientSession) -> Api:
    """The shared server's API."""
    return Api(session, shared_server.url, shared_server.token)
