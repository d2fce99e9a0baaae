"""Two nodes on the run's PostgreSQL and versitygw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.nodes import new_backend, two_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets
    from tests.support.server import Server


@pytest.fixture
def nodes(tmp_path: Path, postgresql: Databases, versitygw: Buckets) -> Iterator[tuple[Server, Server]]:
    """Yield two nodes for this test alone, which may kill them."""
    with two_nodes(tmp_path / "nodes", new_backend(postgresql, versitygw)) as both:
        yield both
