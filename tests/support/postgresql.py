"""PostgreSQL for tests: databases of a running server, and a server of a test's own, which it may stop."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import psycopg
import pytest

from tests.conftest import missing
from tests.support.proxies import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = os.environ.get("TEST_POSTGRESQL", "postgresql://media:media@127.0.0.1:55432/media")
"""A running server's database, whose user may create others."""


@pytest.fixture
def database() -> Iterator[str]:
    """Yield the URL of an empty database for this test alone."""
    with new_database(URL) as url:
        yield url


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Yield the URL of an empty database of this server; at the end drop it."""
    name = f"pgbus_{secrets.token_hex(8)}"
    execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.rpartition("/")[0] + "/" + name
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Execute one statement as another program; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def terminate_others(url: str) -> int:
    """End the server's processes for all other connections to this database; return how many there were."""
    ended = execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    return len(ended)


class PostgreSQL:
    """A server of its own on a free port; `with` makes and starts it, and removes it at the end."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
        if not programs:
            missing("PostgreSQL (apt-get install postgresql)")
        self._programs = programs[-1].parent
        # Not below the folder of pytest, which no other user may enter; and the server refuses to run as root.
        self._folder = TemporaryDirectory(prefix="pgbus-")
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._folder.name, self._user)
        (port,) = free_ports(1)
        self.url = f"postgresql://media@127.0.0.1:{port}/postgres"
        self._options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        self._run("pg_ctl", "start", "--wait", "--log", f"{self._folder.name}/log", "--options", self._options)

    def stop(self) -> None:
        """Stop it, which ends all connections."""
        self._run("pg_ctl", "stop", "--wait", "--mode", "fast")

    def __enter__(self) -> Self:
        self._run("initdb", "--username=media", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(subprocess.CalledProcessError):
            self.stop()
        self._folder.cleanup()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "--pgdata", f"{self._folder.name}/data", *arguments],
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self._folder.name,
            stdout=subprocess.DEVNULL,
            check=True,
        )
