"""A PostgreSQL server of the tests' own, and its databases."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from tests.services.process import ServerProcess
from tests.services.programs import postgresql_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

USER = "media"
PASSWORD = "media"
MAX_CONNECTIONS = 200
LOCK_OF_TEMPLATES = 20261129
"""Key of the advisory lock under which a template is made."""


class PostgreSQL(ServerProcess):
    """A server with a new cluster. If we are root, it runs as `postgres` or `nobody`, as it must not be.

    It does not sync: a kill loses no committed transaction even so, only a power cut does. `durable` lets it sync.
    """

    name = "postgresql"
    # An immediate shutdown: its child processes end too.
    death_signal = "QUIT"

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__()
        self._durable = durable
        self._cluster = self.folder / "cluster"
        self._user = _unprivileged()

    @staticmethod
    def require() -> None:
        """Skip the test if PostgreSQL is not on this machine."""
        postgresql_programs()

    @property
    def databases(self) -> Databases:
        """Return its databases."""
        return Databases(f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}")

    @property
    def url(self) -> str:
        """Return the URL of its database `postgres`."""
        return self.databases.url("postgres")

    def command(self) -> Sequence[str | Path]:
        """Return the command line; make the cluster before the first start."""
        programs = postgresql_programs()
        if not self._cluster.exists():
            self._make(programs)
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "shared_buffers": "64MB",
            "wal_level": "minimal",
            "max_wal_senders": 0,
        }
        if not self._durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
        return [programs / "postgres", "-D", self._cluster, *(f"--{name}={value}" for name, value in options.items())]

    def _make(self, programs: Path) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self._user is not None:
            for path in (self.folder, password):
                shutil.chown(path, self._user)
        # SCRAM takes 3 ms of processor time of every connection's client.
        method = "scram-sha-256" if self._durable else "md5"
        arguments = ("--username", USER, "--pwfile", password, "--auth", method, "--no-sync")
        made = subprocess.run(
            [programs / "initdb", "--pgdata", self._cluster, *arguments, "--encoding=UTF8", "--locale=C.UTF-8"],
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        password.unlink()

    @property
    def _status(self) -> Path:
        return self._cluster / "postmaster.pid"

    def _clear(self) -> None:
        self._status.unlink(missing_ok=True)

    def is_ready(self) -> bool:
        """Return whether it takes connections, as `pg_ctl` finds out: by the last line of its pid file."""
        try:
            return self._status.read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False

    def _end(self) -> None:
        assert self.process is not None
        # "Fast": it ends its sessions and does not wait for clients.
        self.process.send_signal(signal.SIGINT)


def _unprivileged() -> str | None:
    """Return the user that runs the server, None for our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@dataclass(frozen=True)
class Databases:
    """The databases of a running server. `server` is its URL without a database."""

    server: str

    def create(self, template: str | None = None) -> str:
        """Make a database, a copy of the database `template` if one is named; return its URL."""
        name = f"test_{secrets.token_hex(8)}"
        with self._connect() as connection:
            # To copy by the log, as it does by default, takes twice the processor time. Older ones cannot.
            copied = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}" + copied)
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        return self.url(name)

    def template(self, name: str, fill: Callable[[str], None]) -> str:
        """Return the name of a database that `fill` has filled, given its URL. Only the first call of a run fills it.

        `fill` must close its connections: a database with connections cannot be copied.
        """
        with self._connect() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_OF_TEMPLATES,))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                filled = self.create()
                fill(filled)
                renamed = sql.SQL("ALTER DATABASE {} RENAME TO {}")
                connection.execute(renamed.format(sql.Identifier(filled.rpartition("/")[2]), sql.Identifier(name)))
        return name

    def drop(self, url: str) -> None:
        """Drop the database with this URL, and end the sessions that it has."""
        dropping = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self._connect() as connection:
            connection.execute(dropping.format(sql.Identifier(url.rpartition("/")[2])))

    def url(self, name: str) -> str:
        """Return the URL of the database with this name."""
        return f"{self.server}/{name}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True)
