"""The servers that other tests use: they serve, survive kills with what was committed, and end with the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.services.fixtures import shared
from tests.services.postgresql import PostgreSQL
from tests.services.programs import S3PROXY_VERSION, VERSITYGW_VERSION
from tests.services.s3 import S3Proxy, S3Server, VersityGateway
from tests.support.server import ROOT
from tests.support.sidecar import wait_for_exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.postgresql import Databases
    from tests.services.process import ServerProcess
    from tests.services.s3 import Buckets


def test_ci_installs_the_versions_that_tests_look_for() -> None:
    script = (ROOT / ".ci" / "services").read_text()
    assert f"versitygw={VERSITYGW_VERSION}\ns3proxy={S3PROXY_VERSION}\n" in script


def test_databases_are_copies_of_a_template_that_is_filled_once(postgresql: Databases) -> None:
    filled = []

    def fill(url: str) -> None:
        filled.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE words (word text)")

    name = f"template_of_{os.getpid()}"
    copies = [postgresql.create(postgresql.template(name, fill)) for _ in range(2)]
    assert len(filled) == 1
    with psycopg.connect(copies[0]) as connection:
        connection.execute("INSERT INTO words VALUES ('one')")
    with psycopg.connect(copies[1]) as connection:
        assert connection.execute("SELECT count(*) FROM words").fetchone() == (0,)
    for url in (*copies, postgresql.url(name)):
        postgresql.drop(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(copies[0])


def test_database_with_sessions_is_dropped(postgresql: Databases) -> None:
    url = postgresql.create()
    with psycopg.connect(url, autocommit=True) as connection:
        postgresql.drop(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


@pytest.mark.parametrize("engine", ["versitygw", "s3proxy"])
def test_dropped_bucket_leaves_nothing(engine: str, request: pytest.FixtureRequest) -> None:
    buckets: Buckets = request.getfixturevalue(engine)
    name = buckets.create()
    buckets.client().put_object(Bucket=name, Key="uploads/a/b", Body=b"bytes")
    assert buckets.keys(name) == ["uploads/a/b"]
    assert buckets.keys(name, "spool/") == []
    buckets.drop(name)
    assert name not in [bucket["Name"] for bucket in buckets.client().list_buckets()["Buckets"]]


@pytest.fixture
def of_its_own(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """Yield a server of the class that is the parameter."""
    with request.param() as server:
        yield server


@pytest.mark.parametrize("of_its_own", [PostgreSQL], indirect=True)
def test_killed_postgresql_has_what_was_committed(of_its_own: PostgreSQL) -> None:
    url = of_its_own.databases.create()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE words AS SELECT 'one' AS word")
    of_its_own.restart()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT word FROM words").fetchone() == ("one",)


@pytest.mark.parametrize("of_its_own", [VersityGateway, S3Proxy], indirect=True)
def test_killed_s3_server_has_its_objects(of_its_own: S3Server) -> None:
    client, name = of_its_own.buckets.client(), of_its_own.buckets.create()
    client.put_object(Bucket=name, Key="key", Body=b"bytes")
    of_its_own.restart()
    assert client.get_object(Bucket=name, Key="key")["Body"].read() == b"bytes"


PROGRAM = """
import signal, sys
from pathlib import Path
from tests.services.fixtures import shared
print(shared(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])), flush=True)
"""


@pytest.mark.parametrize("name", ["postgresql", "versitygw"])
def test_shared_server_ends_when_the_run_is_killed(name: str, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "300"]) as run:
        described = shared(name, tmp_path, run.pid)
        assert shared(name, tmp_path, run.pid) == described, "it was started twice"
        # A process of the run ends before the others.
        own = [sys.executable, "-c", PROGRAM, name, str(tmp_path), str(run.pid)]
        assert str(described) in subprocess.run(own, capture_output=True, text=True, check=True).stdout
        servers = _processes_of(described)
        assert servers
        run.kill()
    for pid in servers:
        wait_for_exit(pid)


def _processes_of(described: dict[str, str]) -> list[int]:
    """Return the pids of the processes that have the server's port in their command line."""
    port = described.get("server", described.get("endpoint", "")).rpartition(":")[2]
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if port.encode() in path.read_bytes() and int(path.parent.name) != os.getpid()
    ]
