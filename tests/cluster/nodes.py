"""Two nodes: two services with data folders of their own, on the same catalogue and store."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.backend import Backend, Cluster
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets


def new_backend(databases: Databases, buckets: Buckets) -> Backend:
    """Return an empty database and an empty bucket."""
    return Cluster(databases, buckets, buckets.create()).new_backend()


@contextmanager
def two_nodes(folder: Path, backend: Backend, **settings: object) -> Iterator[tuple[Server, Server]]:
    """Run two nodes with two receivers each; logs are in `folder`."""

    def node(name: str) -> Server:
        settled: dict[str, Any] = {"workers": 2, "disk_reserve": 0, "verdict_wait_slice": 20, "sweep_interval": 1}
        return Server(folder / name, backend=backend, log=folder / f"{name}.log", **settled | settings)

    folder.mkdir(exist_ok=True)
    with node("one") as one, node("two") as two:
        yield one, two
