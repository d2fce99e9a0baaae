"""Attacks over raw sockets, and what other clients see meanwhile.

    async with sample_others(server):
        ...the attack...

samples `/health` on new connections and the memory of all the server's processes, and asserts their limits at the end.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.api import MIB
from tests.support.server import ROOT
from tests.support.wire import read_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from tests.support.server import Server
    from tests.support.wire import WireResponse

HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HEALTH_SECONDS = 0.25
"""Limit of the 99th percentile on an idle machine; what a control server takes at the same time is added."""

MEMORY_BYTES = 300 * MIB
LOG_BYTES = 1_000_000
FEWEST_SAMPLES = 10
"""Minimum number of samples: an attack with fewer proves nothing."""


@dataclass
class Samples:
    """Samples in seconds and bytes; filled when the `async with` ends."""

    health: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"/health p99 {percentile(self.health) * 1000:.0f} ms (control {percentile(self.control) * 1000:.0f} ms), "
            f"most {max(self.health) * 1000:.0f} ms, memory {max(self.memory) / MIB:.0f} MiB, "
            f"{len(self.health)} samples, failures {self.failures[:3]}"
        )


def percentile(samples: Sequence[float], share: float = 0.99) -> float:
    """Return the percentile of the samples."""
    return sorted(samples)[math.ceil(len(samples) * share) - 1]


@asynccontextmanager
async def sample_others(
    server: Server, *, health: float = HEALTH_SECONDS, memory: int = MEMORY_BYTES, log: int = LOG_BYTES
) -> AsyncIterator[Samples]:
    """Sample while the body runs, and assert at its end: `health` p99 in seconds, `memory` and `log` in bytes.

    Every sample needs a response. The log is checked if the server was created with `log`.
    """
    samples = Samples()
    command = ("-m", "tests.support.sampler", str(server.port), str(server.pid))
    pipe = asyncio.subprocess.PIPE
    sampler = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=pipe, stdout=pipe, cwd=ROOT, limit=64 * MIB
    )
    assert sampler.stdout is not None
    try:
        assert await sampler.stdout.readline() == b"ready\n"
        yield samples
        output, _ = await sampler.communicate(b"")
    except BaseException:
        sampler.kill()
        await sampler.wait()
        raise
    samples.__dict__.update(json.loads(output))
    print(samples)
    _check(server, samples, health, memory, log)


def _check(server: Server, samples: Samples, health: float, memory: int, log: int) -> None:
    assert len(samples.health) >= FEWEST_SAMPLES, f"too short to tell: {samples}"
    assert not samples.failures, str(samples)
    assert percentile(samples.health) < health + percentile(samples.control), str(samples)
    assert max(samples.memory) < memory, str(samples)
    if server.log is not None:
        size = server.log.stat().st_size
        assert size < log, f"the log has {size} bytes: {server.log.read_text()[-2000:]}"


@asynccontextmanager
async def connections(server: Server, count: int, first: bytes = b"") -> AsyncIterator[list[Connection]]:
    """Open `count` connections and send `first` on each; connections that the server refuses count too."""
    opened: list[Connection] = []
    try:
        for _ in range(count):
            opened.append(await Connection.open(server.port))
            await opened[-1].send(first)
        yield opened
    finally:
        for connection in opened:
            connection.close()


class Connection:
    """A raw client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes) -> bool:
        """Send the bytes; return False if the server has closed the connection."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            return False
        return not self._reader.at_eof()

    async def drip(self, pieces: Iterable[bytes], pause: float) -> WireResponse:
        """Send the pieces, with a pause after each, until the server responds or closes the connection."""
        response = asyncio.create_task(read_response(self._reader))
        for piece in pieces:
            if response.done():
                break
            await self.send(piece)
            await asyncio.wait([response], timeout=pause)
        return await response

    async def head(self) -> bytes:
        """Return the next response up to the end of its headers."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def ended(self) -> bytes:
        """Return the remaining bytes after the server has closed the connection."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        """Abort the connection."""
        self._writer.transport.abort()


def descriptors(pid: int) -> int:
    """Return how many descriptors the process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Return the log's lines after those of the start."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if "confined" not in line["event"]]
