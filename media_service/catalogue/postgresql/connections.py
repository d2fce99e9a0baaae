"""How connections to PostgreSQL are made, and what their errors mean."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import AsyncConnectionPool

from media_service.core.errors.service import CatalogueError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Parameters: TypeAlias = Mapping[str, Any]

DEFAULTS = {
    "application_name": "media-service",
    "client_encoding": "UTF8",
    "connect_timeout": "5",
    # A server that is silent is given up after 14 s, before it gives up this process and frees its locks.
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "14000",
    # Of several hosts the one that can write; a standby that took over is found in the same way.
    "target_session_attrs": "read-write",
}
"""Parameters of libpq, where the URL has no others."""

_SESSION = {
    # The server gives up a machine that died after 20 s, and so its locks; Linux' default is two hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "20000",
    # A process that was stopped within a transaction would block others for ever.
    "idle_in_transaction_session_timeout": "20000",
    # Compiling a plan takes longer than any statement of the service.
    "jit": "off",
    # So does starting processes for a part of it: 130 ms to find the files of a word, where one process needs 8.
    "max_parallel_workers_per_gather": "0",
}
PREPARE_SESSION = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items())
"""First statement of every connection."""

SYNC_COMMITS = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
"""Statement for connections that write rows: what is acknowledged must survive a crash of the server."""

POOL_TIMEOUT_SECONDS = 5.0
"""Wait for a connection of the pool, after which the client is told to come again."""

RECONNECT_SECONDS = 3.0
"""Time after which the pool stops to reconnect until the next request. Its pauses double without another bound, so it
would be away longer than the server was."""

_ADAPTERS = AdaptersMap(psycopg.adapters)
# Else an integer has the smallest type that it fits, and each combination of types is a statement to prepare.
_ADAPTERS.register_dumper(int, Int8Dumper)

# The session logs once that the server is away; the pool would do so at each attempt.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class UnusableDatabase(Exception):
    """The database cannot be used; the message says which one and why, in one line without a password."""


def parameters(url: str) -> dict[str, Any]:
    """Return the parameters of a connection to the database at this URL. Raise UnusableDatabase."""
    try:
        return DEFAULTS | conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Without its message, which quotes the URL.
        raise UnusableDatabase("the URL of the catalogue is none that PostgreSQL understands") from None


def place(url: str) -> str:
    """Return host, port and name of the database, for messages. Raise UnusableDatabase."""
    given = parameters(url)
    host, port = given.get("host", ""), given.get("port", "")
    # Of several hosts each has a port.
    host = f"{host}:{port}" if port.strip(",") else host
    return "/".join(part for part in (host, given.get("dbname")) if part) or "this machine"


async def connect(url: str) -> AsyncConnection[tuple[Any, ...]]:
    """Return a connection whose statements are transactions of their own. Raise psycopg.Error, UnusableDatabase."""
    connection = await AsyncConnection.connect(**parameters(url), autocommit=True)
    await connection.execute(PREPARE_SESSION)
    return connection


@contextmanager
def connected(url: str) -> Iterator[Connection[tuple[Any, ...]]]:
    """Yield a connection for a command, or for the start of the service. Raise UnusableDatabase for any error."""
    try:
        with psycopg.connect(**parameters(url), autocommit=True) as connection:
            connection.execute(PREPARE_SESSION)
            yield connection
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise UnusableDatabase(f"the database {place(url)} cannot be used: {reason}") from error


def connection_pool(url: str, *, size: int) -> AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]:
    """Return a pool, not yet opened, of at most so many connections as of `connect`. Raise UnusableDatabase."""
    return AsyncConnectionPool(
        kwargs=parameters(url) | {"autocommit": True, "context": _ADAPTERS},
        min_size=1,
        max_size=size,
        open=False,
        configure=_configure,
        check=_check,
        timeout=POOL_TIMEOUT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        num_workers=2,
    )


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.execute(PREPARE_SESSION)
    await connection.execute(SYNC_COMMITS)


async def _check(connection: AsyncConnection[Any]) -> None:
    """Raise OperationalError if the server has closed the connection, without asking it: two calls of recv(2)."""
    # The first call may read a last message of the server, and only the second one the end of the connection.
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


@contextmanager
def map_errors() -> Iterator[None]:
    """Raise StorageFull and CatalogueError in place of the library's errors."""
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise StorageFull from error
    except psycopg.Error as error:
        raise CatalogueError from error
