"""Clients of the dialects, and a server with other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.rufh_client import Rufh
from tests.http.dialects.tus_client import Tus
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def tus(shared_server: Server) -> Tus:
    """Return a tus client of the shared server."""
    return Tus(shared_server)


@pytest.fixture
def rufh(shared_server: Server) -> Rufh:
    """Return a client of the shared server that sends no interoperability version."""
    return Rufh(shared_server)


@pytest.fixture(scope="session")
def interim_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that sends 104s."""
    folder = tmp_path_factory.mktemp("interim_server") / "data"
    with Server(folder, disk_reserve=0, interim_responses=True) as server:
        yield server
