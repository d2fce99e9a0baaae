"""A server with two receivers for the tests of guest links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with two receivers, whose log can be read."""
    folder = tmp_path_factory.mktemp("guests")
    with Server(
        folder / "data", log=folder / "log", workers=2, disk_reserve=0, verdict_wait_slice=5, sweep_interval=1
    ) as server:
        yield server


@pytest.fixture
def api(server: Server, session: aiohttp.ClientSession) -> Api:
    """Return the API of `server`."""
    return Api(session, server.url, server.token)
