"""Unix socket by which the processes of one data folder reach the sidecar.

A client names the service that it wants, in a frame, and waits for one byte. So it counts as connected only once the
sidecar serves it, not while it waits in the queue of a socket whose sidecar is being restarted.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from media_service.ipc.framing import FrameDecoder, encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BACKLOG = 64
"""Connections that wait for a sidecar that is being restarted: three for each process."""

SERVED = b"\n"

HELLO_SECONDS = 5.0
"""Seconds that a new client has to name its service: our own clients do so at once."""

PRIVATE = 0o600


def listen_privately(path: Path) -> socket.socket:
    """Return a listening socket at this path, which only this user can reach; replace an old one. Raise OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before the bind: afterwards there would be a moment in which others can connect.
        os.fchmod(listener.fileno(), PRIVATE)
        with _short_name(path) as name:
            listener.bind(name)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


async def connect_to_service(path: Path, service: str) -> socket.socket:
    """Return a connection to this service, once it is served. Raise OSError, EOFError."""
    loop = asyncio.get_running_loop()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with _short_name(path) as name:
            await loop.sock_connect(connection, name)
        await loop.sock_sendall(connection, encode_frame(service))
        if await loop.sock_recv(connection, len(SERVED)) != SERVED:
            raise EOFError("the sidecar closed the connection")
    except BaseException:
        connection.close()
        raise
    return connection


def receive_service_name(connection: socket.socket) -> str | None:
    """Return the name of the service that a new client wants, and tell it that it is served; None if it is gone."""
    decoder = FrameDecoder()
    connection.settimeout(HELLO_SECONDS)
    with suppress(OSError):
        while received := connection.recv(4096):
            for name in decoder.feed(received):
                connection.sendall(SERVED)
                connection.settimeout(None)
                return str(name)
    return None


@contextmanager
def _short_name(path: Path) -> Iterator[str]:
    """Yield a name of this path that fits into a socket's address, which has 108 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
