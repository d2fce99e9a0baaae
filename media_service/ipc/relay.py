"""Relay of hints between processes, in the sidecar: what one connection sends, all others receive."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.ipc.framing import encode_frame
from media_service.ipc.server import receive_requests

if TYPE_CHECKING:
    import socket

MAX_WAITING = 1024
"""Batches that wait for a process that does not read; more are dropped, since others must not wait for it."""


class Relay:
    """Forward the notifications of each connection to all others."""

    def __init__(self) -> None:
        self._outboxes: set[_Outbox] = set()
        self._changing = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        """Forward what arrives until the client closes the connection or dies; several threads may call this."""
        outbox = _Outbox(connection)
        sender = threading.Thread(target=outbox.run, name="relay")
        sender.start()
        with self._changing:
            self._outboxes.add(outbox)
        try:
            for hints in receive_requests(connection):
                # A batch of notifications is decoded once and encoded once, for all receivers.
                frame = encode_frame(hints)
                with self._changing:
                    others = self._outboxes - {outbox}
                for other in others:
                    other.put(frame)
        finally:
            with self._changing:
                self._outboxes.discard(outbox)
            outbox.close()
            sender.join()


class _Outbox:
    """Frames for one connection, sent by a thread of its own, so that a slow process delays no other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames: deque[bytes] = deque()
        self._wake = threading.Condition()
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Add a frame; drop it if too many wait."""
        with self._wake:
            if len(self._frames) < MAX_WAITING:
                self._frames.append(frame)
                self._wake.notify()

    def close(self) -> None:
        """Let `run` return without sending the rest."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    def run(self) -> None:
        """Send frames, those that wait together, until closed."""
        while waiting := self._take():
            with suppress(ConnectionError):
                self._connection.sendall(waiting)

    def _take(self) -> bytes:
        with self._wake:
            self._wake.wait_for(lambda: self._frames or self._closed)
            waiting = b"" if self._closed else b"".join(self._frames)
            self._frames.clear()
            return waiting
