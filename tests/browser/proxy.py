"""A slow TCP proxy between the browser and the server, which can be interrupted; it runs in threads."""

import contextlib
import re
import socket
import threading
import time
from urllib.parse import urlsplit

BLOCK = 16 * 1024
TOO_LARGE = (
    b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/html\r\n"
    b"Connection: close\r\nContent-Length: 6\r\n\r\n<html>"
)


class SlowProxy:
    """Forward TCP to the server of `url`.

    `rate` limits the bytes per second of all connections together to the server; None is unlimited. `sent` counts these
    bytes. `cut()` closes every connection and refuses new ones; `start()` accepts them again, on the same port;
    `drop()` closes the open ones and accepts new ones. `listener` is a listening socket, by default on loopback. A POST
    with a body above `largest_body` gets a 413, as from nginx.
    """

    def __init__(self, url: str, rate: float | None = None, *, listener: socket.socket | None = None) -> None:
        where = urlsplit(url)
        self._server = (where.hostname or "127.0.0.1", where.port or 80)
        self._given = listener
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._pace = threading.Lock()
        self._free_at = 0.0
        self._port = 0
        self.rate = rate
        self.largest_body: int | None = None
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        listener = self._given or self._own_listener()
        self._port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _own_listener(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Small buffers, which accepted sockets inherit: otherwise the page counts megabytes in the kernel as sent.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(64)
        return listener

    def cut(self) -> None:
        if self._listener:
            _close(self._listener)
            self._listener = None
        self.drop()

    def drop(self) -> None:
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _close(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                browser, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, timeout=10)
                server.settimeout(None)
            except OSError:
                _close(browser)
                continue
            with self._lock:
                self._open |= {browser, server}
            threading.Thread(target=self._pump, args=(browser, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, browser, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(BLOCK):
                if up:
                    self._wait(len(block))
                    if self._too_large(block):
                        source.sendall(TOO_LARGE)
                        while source.recv(BLOCK):
                            pass
                        break
                sink.sendall(block)
        _close(source)
        _close(sink)
        with self._lock:
            self._open -= {source, sink}

    def _too_large(self, block: bytes) -> bool:
        if self.largest_body is None or not block.startswith(b"POST "):
            return False
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", block)
        return length is not None and int(length[1]) > self.largest_body

    def _wait(self, size: int) -> None:
        with self._pace:
            self.sent += size
            if self.rate is None:
                return
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self.rate
            rest = self._free_at - now
        time.sleep(rest)

    def __enter__(self) -> "SlowProxy":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
