"""One connection to PostgreSQL that a process keeps open: it hears and sends hints, and its locks live as long."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from media_service.catalogue.postgresql.connections import connect
from media_service.core.errors.service import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import AsyncConnection

    Row = tuple[Any, ...]

CHANNEL = "media_service"
"""Channel of hints, one for each database."""

FIRST_RETRY_SECONDS = 0.05
LAST_RETRY_SECONDS = 1.0
"""Bounds of the wait between two attempts to connect, doubled after each that fails."""

STATEMENT_SECONDS = 15.0
"""Time after which a server that does not respond is given up. Statements of a session take less than a millisecond."""

CLOSE_SECONDS = 2.0
"""Time that waiting statements get at the end."""

log = structlog.get_logger()


class Session:
    """Execute statements one after the other, and connect again whenever the connection breaks.

    `broken` belongs to the present connection and is set once that is broken; each connection has an event of its own.
    """

    def __init__(self, url: str) -> None:
        self.broken = asyncio.Event()
        self.broken.set()
        self._url = url
        self._connected = asyncio.Event()
        self._requests: deque[_Request] = deque()
        self._wake = asyncio.Event()
        self._heard: Callable[[str], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is open."""
        return self._connected.is_set()

    def listen(self, heard: Callable[[str], None]) -> None:
        """Call `heard`, which must not raise, with each payload of CHANNEL. Call this before `open`."""
        self._heard = heard

    async def open(self) -> None:
        """Connect, and return when that has succeeded for the first time. Raise UnusableDatabase."""
        self._task = asyncio.create_task(self._keep())
        waiting = asyncio.create_task(self._connected.wait())
        await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await self._task

    async def close(self) -> None:
        """Execute what waits, if the server responds, and close the connection."""
        assert self._task is not None
        self._closing = True
        self._wake.set()
        if self.is_connected:
            await asyncio.wait((self._task,), timeout=CLOSE_SECONDS)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def wait_connected(self) -> None:
        """Return when the connection is open."""
        await self._connected.wait()

    def execute(self, statement: str, *values: Any) -> asyncio.Future[list[Row]]:
        """Return a future of the rows, or of CatalogueError. After that the statement may have been executed."""
        result: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        # Nobody may wait for it, which asyncio would complain about.
        result.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.is_connected:
            self._requests.append(_Request(statement, values, result))
            self._wake.set()
        else:
            result.set_exception(CatalogueError())
        return result

    async def _keep(self) -> None:
        wait, is_away = FIRST_RETRY_SECONDS, False
        while not self._closing:
            try:
                connection = await self._connect()
            except (psycopg.Error, TimeoutError) as error:
                if not is_away:
                    log.warning("no connection to the database", error=str(error) or "no response")
                    is_away = True
            else:
                if is_away:
                    log.info("connected to the database again")
                wait, is_away = FIRST_RETRY_SECONDS, not await self._use(connection)
            if not self._closing:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LAST_RETRY_SECONDS)

    async def _connect(self) -> AsyncConnection[Row]:
        async with asyncio.timeout(STATEMENT_SECONDS):
            connection = await connect(self._url)
            try:
                connection.add_notify_handler(lambda hint: self._hear(hint.payload))
                # Only hints are written here, and each sync would delay the next ones.
                await connection.execute("SET synchronous_commit TO off")
                if self._heard is not None:
                    await connection.execute(f"LISTEN {CHANNEL}")
            except BaseException:
                await connection.close()
                raise
        return connection

    async def _use(self, connection: AsyncConnection[Row]) -> bool:
        """Serve requests by the connection; return whether that ended because the session was closed."""
        self.broken = broken = asyncio.Event()
        self._connected.set()
        try:
            await self._serve(connection)
        except psycopg.Error as error:
            log.warning("the connection to the database broke", error=str(error))
            return False
        else:
            return True
        finally:
            self._connected.clear()
            broken.set()
            self._fail_requests()
            await connection.close()

    async def _serve(self, connection: AsyncConnection[Row]) -> None:
        """Execute statements and hear hints until the session is closed. Raise psycopg.Error."""
        loop, descriptor = asyncio.get_running_loop(), connection.fileno()
        while True:
            self._read(connection)
            if self._requests:
                await self._execute(connection, self._requests.popleft())
                continue
            if self._closing:
                return
            # Not `Connection.notifies`, which wakes up ten times a second and lets no statement through meanwhile.
            loop.add_reader(descriptor, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                loop.remove_reader(descriptor)
            self._wake.clear()

    def _read(self, connection: AsyncConnection[Row]) -> None:
        """Hear what has arrived. Raise OperationalError if the connection is broken."""
        connection.pgconn.consume_input()
        while (hint := connection.pgconn.notifies()) is not None:
            self._hear(hint.extra.decode())

    def _hear(self, payload: str) -> None:
        if self._heard is not None:
            self._heard(payload)

    async def _execute(self, connection: AsyncConnection[Row], request: _Request) -> None:
        """Set the result of the request. Raise psycopg.Error if the connection is broken."""
        result = request.result
        # Not a timeout of asyncio: psycopg would then ask the silent server for another 5 s to cancel the statement.
        watchdog = asyncio.get_running_loop().call_later(STATEMENT_SECONDS, _shut_down, connection)
        try:
            cursor = await connection.execute(request.statement, request.values)
            rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if not result.done():
                failed = CatalogueError()
                failed.__cause__ = error
                result.set_exception(failed)
            if connection.closed:
                raise
        else:
            if not result.done():
                result.set_result(rows)
        finally:
            watchdog.cancel()

    def _fail_requests(self) -> None:
        while self._requests:
            result = self._requests.popleft().result
            if not result.done():
                result.set_exception(CatalogueError())


class _Request:
    """A statement that waits to be executed."""

    __slots__ = ("result", "statement", "values")

    def __init__(self, statement: str, values: Sequence[Any], result: asyncio.Future[list[Row]]) -> None:
        self.statement = statement
        self.values = values
        self.result = result


def _shut_down(connection: AsyncConnection[Row]) -> None:
    """Let the statement that waits for the server fail, as when the server closes the connection."""
    with socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)
