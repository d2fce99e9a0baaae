"""The end of a line that answers, in plain blocking code: the other process has no event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from media_service.ipc.framing import FrameDecoder, encode_frame

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence

RECEIVE_BYTES = 64 * 1024
"""Bytes taken from the line at once: what a crowd asks in a turn, and little enough for memory that is at hand."""


def receive_requests(end: socket.socket) -> Iterator[list[tuple[int, Any]]]:
    """Whatever was asked since the last look, each with its number, until the server closes the line or dies."""
    unpacker = FrameDecoder()
    with suppress(ConnectionError):
        while received := end.recv(RECEIVE_BYTES):
            if asked := list(unpacker.feed(received)):
                yield asked


def respond(end: socket.socket, answers: Sequence[tuple[int, Any]]) -> None:
    """Answers questions by their numbers, in any order and from any thread; nobody may be there to hear it."""
    with suppress(ConnectionError):
        end.sendall(encode_frame(answers))
