"""RPC server over a socket, in blocking code: the sidecar has no event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from media_service.ipc.framing import FrameDecoder, encode_frame

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

RECEIVE_BYTES = 64 * 1024
"""Bytes read from the socket at once: the requests of one event-loop iteration, in memory that malloc reuses."""


def receive_requests(connection: socket.socket) -> Iterator[list[tuple[int, Any]]]:
    """Yield the requests that arrived since the last batch, each with its id, until the client closes or dies."""
    decoder = FrameDecoder()
    with suppress(ConnectionError):
        while received := connection.recv(RECEIVE_BYTES):
            if requests := list(decoder.feed(received)):
                yield requests


def respond(connection: socket.socket, results: Sequence[tuple[int, Any]]) -> None:
    """Send results by request id, in any order. Not thread-safe. Do nothing if the client has closed the connection."""
    with suppress(ConnectionError):
        connection.sendall(encode_frame(results))
