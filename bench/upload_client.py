"""One sender of whole files: multipart slices with their digests, one after the other, at any pace."""

from __future__ import annotations

import hashlib
import http.client
import json
import mmap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.processes import cpu_by_part, cpu_seconds
from media_service.core.digest import BLOCK_BYTES, format_digest_field

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from tests.support.server import Server

POLL_SECONDS = 0.01
"""Seconds between two requests for an upload's state."""

BOUNDARY = "----the-bench-7MA4YWxkTrZu0gW"


@dataclass(frozen=True, slots=True)
class Finish:
    """One upload, in seconds: sending, and from the last acknowledgement to the verdict and to the spool.

    `cpu`: processor seconds of the service's processes until then; `parts`: the ticks of each part of it.
    """

    sending: float
    verdict: float
    spooled: float
    cpu: float
    parts: Counter[str]


class Connection:
    """A connection to a server."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Return the JSON of a response, which must be a success."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        response = self._connection.getresponse()
        content: dict[str, Any] = json.loads(response.read())
        assert response.status < 300, content
        return content

    def create(self, filename: str, length: int) -> str:
        """Create an upload; return its id."""
        request = {"filename": filename, "length": length, "tags": {"title": "Bench", "artist": "Finishing"}}
        body = json.dumps(request)
        return str(self.ask("POST", "/api/v1/uploads", body, Content_Type="application/json")["id"])

    def send_slice(self, upload: str, offset: int, content: memoryview) -> None:
        """Send a slice with its SHA-256, as the page does."""
        digest = format_digest_field(hashlib.sha256(content).digest())
        fields = "".join(_part(name) + value for name, value in (("offset", str(offset)), ("digest", digest)))
        before, after = f"{fields}{_part('slice', '; filename=slice')}".encode()[2:], f"\r\n--{BOUNDARY}--\r\n".encode()
        self.ask(
            "POST",
            f"/api/v1/uploads/{upload}/slices",
            iter((before, content, after)),
            Content_Type=f"multipart/form-data; boundary={BOUNDARY}",
            Content_Length=str(len(before) + len(content) + len(after)),
        )

    def wait_while(self, upload: str, *states: str) -> str:
        """Return the upload's state once it is none of these."""
        while (state := self.ask("GET", f"/api/v1/uploads/{upload}")["state"]) in states:
            time.sleep(POLL_SECONDS)
        return str(state)


def _part(name: str, more: str = "") -> str:
    return f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'


def send(server: Server, path: Path, pace: float | None) -> Finish:
    """Send one file at `pace` bytes a second, or as fast as possible; wait until it is in the spool, and delete it."""
    connection = Connection(server)
    cpu, parts = cpu_seconds(server.pid), cpu_by_part(server.pid)
    began = time.perf_counter()
    upload = put(connection, path, pace)
    sent = time.perf_counter()
    connection.wait_while(upload, "received")
    judged = time.perf_counter()
    assert connection.wait_while(upload, "received", "verified") == "spooled"
    spooled = time.perf_counter()
    cpu, parts = cpu_seconds(server.pid) - cpu, cpu_by_part(server.pid) - parts
    empty(server)
    return Finish(sent - began, judged - sent, spooled - sent, cpu, parts)


def put(connection: Connection, path: Path, pace: float | None) -> str:
    """Send a file in order; return the upload's id after the last acknowledgement."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
        memoryview(mapped) as whole,
    ):
        upload = connection.create(path.name, len(whole))
        began = time.perf_counter()
        for offset in range(0, len(whole), BLOCK_BYTES):
            if pace:
                time.sleep(max(0.0, began + offset / pace - time.perf_counter()))
            with whole[offset : offset + BLOCK_BYTES] as content:
                connection.send_slice(upload, offset, content)
    return upload


def empty(server: Server) -> None:
    """Delete the finished files."""
    for finished in server.spool.iterdir():
        finished.unlink()
