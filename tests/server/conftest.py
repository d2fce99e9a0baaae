"""A service with two receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.tree import until
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(request: pytest.FixtureRequest, data: Path) -> Iterator[Server]:
    """Yield a service with two receivers, and with the settings of the parameter."""
    more = getattr(request, "param", {})
    with Server(data, disk_reserve=0, workers=2, log=data.parent / "log", **more) as server:
        until(lambda: len(server.receivers) == 2)
        yield server
