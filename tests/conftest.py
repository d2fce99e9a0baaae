"""Servers and clients that several rooms' tests share."""

from __future__ import annotations

import faulthandler
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import aiohttp
import pytest
import pytest_asyncio

from tests.support.api import Api
from tests.support.backend import Cluster
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

pytest_plugins = ["tests.services.fixtures"]

TESTS = Path(__file__).parent
LONGEST_FIRST = ("lines", "torture", "cluster", "browser", "proxies", "clients")
"""Folders whose files take longest. Begun last, one of them would keep one processor busy and the others idle."""
ALONE = ("browser", "torture")
"""Folders in which `make test` looks for tests that are marked alone: to collect all takes as long as some of them."""
EXIT_SECONDS = 60
"""Within which a process ends once its tests have."""

SLOW_WORDS = ("crash", "kill", "restart", "full_disk", "any_step", "false_alarm", "program_sees", "read_in_one")
"""What the names of other slow tests have in them: such tests start the service, or other programs, again and again."""


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def _shuffle(items: list[pytest.Item], seed: str) -> None:
    """Shuffle files, and tests within each: a file's tests share servers."""
    dice = random.Random(seed)
    files = {path: dice.random() for path in dict.fromkeys(item.path for item in items)}
    items.sort(key=lambda item: (files[item.path], dice.random()))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--cluster`."""
    parser.addoption(
        "--cluster", action="store_true", help="let servers use PostgreSQL and S3; leave out tests that are marked once"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first and mark what is slow. With `SHUFFLE`, a seed, all come in any order."""
    if seed := os.environ.get("SHUFFLE"):
        _shuffle(items, seed)
    else:
        items.sort(key=_rank)
    for item in items:
        if item.get_closest_marker("alone") and item.path.relative_to(TESTS).parts[0] not in ALONE:
            raise pytest.UsageError(f"{item.nodeid} is marked alone, but not in {' or '.join(ALONE)}: see Makefile")
        if _rank(item) < len(LONGEST_FIRST) or any(word in item.name for word in SLOW_WORDS):
            item.add_marker("slow")
    if config.getoption("cluster"):
        once = [item for item in items if item.get_closest_marker("once")]
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if item not in once]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a skipped test fail in CI, which has everything that tests need."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


def pytest_unconfigure() -> None:
    """End a process that a thread of a failed test keeps alive, and show where that thread is."""
    faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)


def missing(what: str) -> NoReturn:
    """Skip the test, and name the missing program; in CI that is a failure, since CI installs them all."""
    pytest.skip(f"SKIPPED FOR WANT OF {what}")


@pytest.fixture(scope="session", autouse=True)
def cluster(request: pytest.FixtureRequest) -> None:
    """Let all servers use PostgreSQL and S3 if this run asks for it."""
    if request.config.getoption("cluster"):
        databases, buckets = (request.getfixturevalue(name) for name in ("postgresql", "versitygw"))
        Server.cluster = Cluster(databases, buckets, buckets.create())


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield one server for all tests that leave it as they found it."""
    with Server(
        tmp_path_factory.mktemp("shared") / "data", workers=2, disk_reserve=0, verdict_wait_slice=5, sweep_interval=1
    ) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data folder for this test alone."""
    return tmp_path / "data"


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client with a connection pool."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture
def api(shared_server: Server, session: aiohttp.ClientSession) -> Api:
    """Return the shared server's API."""
    return Api(session, shared_server.url, shared_server.token)
