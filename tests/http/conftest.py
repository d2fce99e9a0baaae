"""Servers with other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import MIB, Api
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp


@pytest.fixture(scope="session")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with small limits, short timeouts and no late edits."""
    folder = tmp_path_factory.mktemp("small") / "data"
    with Server(
        folder, disk_reserve=0, slice_limit=MIB, file_limit=20 * MIB, idle_timeout=1, verdict_wait_slice=5, late_edits=0
    ) as server:
        yield server


@pytest.fixture
def small(small_server: Server, session: aiohttp.ClientSession) -> Api:
    """Return the API of `small_server`."""
    return Api(session, small_server.url, small_server.token)
