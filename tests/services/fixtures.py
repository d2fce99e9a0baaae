"""Servers for tests: one of each kind for all processes of a run, with databases and buckets of a test's own.

A test of restarts and kills starts servers of its own, by `with PostgreSQL() as server`.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.services.keeper import SERVERS
from tests.services.postgresql import Databases
from tests.services.s3 import Buckets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def shared(name: str, run: Path, pid: int) -> dict[str, str]:
    """Return how to reach the run's server of this name; start it if it does not run. `run` is the run's folder."""
    described = run / f"{name}.json"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not described.exists():
            command = (sys.executable, "-m", "tests.services.keeper", name, str(pid))
            kept = subprocess.run(command, capture_output=True, text=True, check=False)
            assert kept.stdout, kept.stderr
            described.write_text(kept.stdout)
    found: dict[str, str] = json.loads(described.read_text())
    return found


def _of_this_run(name: str, factory: pytest.TempPathFactory) -> dict[str, str]:
    SERVERS[name].require()
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        return shared(name, folder.parent, os.getppid())
    return shared(name, folder, os.getpid())


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Return the databases of the run's PostgreSQL."""
    return Databases(**_of_this_run("postgresql", tmp_path_factory))


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Buckets:
    """Return the buckets of the run's versitygw."""
    return Buckets(**_of_this_run("versitygw", tmp_path_factory))


@pytest.fixture(scope="session")
def s3proxy(tmp_path_factory: pytest.TempPathFactory) -> Buckets:
    """Return the buckets of the run's S3Proxy."""
    return Buckets(**_of_this_run("s3proxy", tmp_path_factory))


@pytest.fixture
def database(postgresql: Databases) -> Iterator[str]:
    """Yield the URL of an empty database for this test alone."""
    url = postgresql.create()
    yield url
    postgresql.drop(url)


@pytest.fixture
def bucket(versitygw: Buckets) -> Iterator[str]:
    """Yield the name of an empty bucket of versitygw for this test alone."""
    name = versitygw.create()
    yield name
    versitygw.drop(name)
