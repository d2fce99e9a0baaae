"""Helpers of the tests of the processes."""

from __future__ import annotations

import http.client
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from tests.support.server import Server

WITHIN_SECONDS = 20.0
PIECE = 64 * 1024


def until(condition: Callable[[], object]) -> None:
    """Return when the condition is true."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def status(server: Server, path: str = "/ready") -> int:
    """Return the status of a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def log_of(server: Server) -> str:
    return (server.data.parent / "log").read_text()


def _links(pid: int) -> list[str]:
    """Return what the process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # A descriptor may be closed meanwhile.
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


def _accepted(server: Server) -> list[int]:
    """Return how many connections each receiver has accepted. One that is starting has other sockets only."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # The local address, the state (01 is established) and the inode: proc(5).
    own = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{server.port:04X}") and line[3] == "01"}
    return [len(own.intersection(_links(receiver))) for receiver in server.receivers]


@contextmanager
def connections(server: Server, number: int) -> Iterator[list[int]]:
    """Hold so many connections, and yield how many each receiver has taken."""
    before = _accepted(server)
    held = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN_SECONDS) for _ in range(number)]
    for connection in held:
        connection.request("GET", "/health")
        connection.getresponse().read()
    try:
        yield [taken - count for taken, count in zip(_accepted(server), before, strict=True)]
    finally:
        for connection in held:
            connection.close()


def until_all_accept(server: Server) -> None:
    """Return when every receiver has accepted a connection: one responds as soon as the first is ready."""

    def all_accept() -> bool:
        with connections(server, 4) as taken:
            return min(taken) > 0

    until(all_accept)


def receiver_of(server: Server, writer: asyncio.StreamWriter) -> int | None:
    """Return the pid of the receiver that has accepted this connection, None before that."""
    ports = (f":{server.port:04X}", f":{writer.get_extra_info('sockname')[1]:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (fields[1][-5:], fields[2][-5:]) == ports:
            for receiver in server.receivers:
                if f"socket:[{fields[9]}]" in _links(receiver):
                    return receiver
    return None
