"""Files of 1 to 20 GiB on PostgreSQL and S3: what finishing one takes, and whether memory grows with its size.

`python -m bench.large [--gib 1 --gib 4] [--place disk]`. It starts PostgreSQL, versitygw and one node for itself, and
sends each file in slices of 8 MiB with their SHA-256, made while they are sent. The disk needs five times the file's
size. `ss` (iproute2) tells how many bytes went between the finisher and the store.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bench.machine import load_average, machine
from bench.processes import cpu_seconds, peak_bytes, reset_peak
from bench.upload_client import Connection
from bench.workspace import workspace
from media_service.core.digest import format_digest_field
from tests.services.postgresql import PostgreSQL
from tests.services.s3 import VersityGateway
from tests.support.backend import Cluster
from tests.support.mp3 import make_frames
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB, GIB = 1 << 20, 1 << 30
PIECE = 8 * MIB
SAMPLE_SECONDS = 1.0

UNIT = make_frames(16, seed=17)
"""Frames that are repeated: so few that a file system which compresses holds a file in a twentieth of its size."""

COLUMNS = (
    *("GiB", "sent s", "→ verified s", "→ spooled s", "receiver CPU s", "finisher CPU s, while sent + after"),
    *("store CPU s", "receiver peak MiB", "finisher peak MiB", "read ahead MiB", "read MiB", "sent MiB"),
    *("scratch MiB", "objects MiB"),
)

_SOCKET = re.compile(r"127\.0\.0\.1:(\d+)\s+127\.0\.0\.1:\d+.*?pid=(\d+)")
_SENT, _RECEIVED = re.compile(r"bytes_sent:(\d+)"), re.compile(r"bytes_received:(\d+)")


class Traffic(NamedTuple):
    """Bytes from and to the store."""

    read: int
    sent: int


@dataclass
class Watch:
    """Samples: the most bytes of named files in two folders, and the traffic of the finisher with the store."""

    finisher: int
    port: int
    scratch: Path
    objects: Path
    most_scratch: int = 0
    most_objects: int = 0
    _before: dict[str, Traffic] = field(default_factory=dict)
    _sockets: dict[str, Traffic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note what has passed over connections that are open already."""
        self.sample()
        self._before = dict(self._sockets)

    def sample(self) -> None:
        """Look once."""
        self.most_scratch = max(self.most_scratch, _bytes_below(self.scratch))
        self.most_objects = max(self.most_objects, _bytes_below(self.objects))
        command = ["ss", "-tinpHO", f"dst 127.0.0.1:{self.port}"]
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
            found, sent, received = _SOCKET.search(line), _SENT.search(line), _RECEIVED.search(line)
            if found and int(found[2]) == self.finisher:
                self._sockets[found[1]] = Traffic(int(received[1]) if received else 0, int(sent[1]) if sent else 0)

    def traffic(self) -> Traffic:
        """Return what has passed since the beginning, over connections that lived through a sample."""
        after, before = self._sockets.values(), self._before.values()
        read = sum(one.read for one in after) - sum(one.read for one in before)
        return Traffic(read, sum(one.sent for one in after) - sum(one.sent for one in before))


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@contextmanager
def sampled(watch: Watch) -> Iterator[None]:
    """Sample until the end."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            watch.sample()

    sampler = threading.Thread(target=run)
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()


def send(connection: Connection, name: str, size: int) -> str:
    """Send a file of whole frames in order; return the upload's id after the last acknowledgement."""
    length = size - size % len(UNIT)
    upload = connection.create(name, length)
    whole = UNIT * (PIECE // len(UNIT) + 2)
    for offset in range(0, length, PIECE):
        first = offset % len(UNIT)
        piece = whole[first : first + min(PIECE, length - offset)]
        digest = format_digest_field(hashlib.sha256(piece).digest())
        path = f"/api/v1/uploads/{upload}/slices/{offset}"
        connection.ask("PUT", path, piece, Content_Type="application/octet-stream", Content_Digest=digest)
    return upload


def measure(server: Server, store: int, watch: Watch, gib: float) -> str:
    """Send a file and wait until it is in the spool; return a line of the table. `store`: the pid of the S3 server."""
    processes = (server.receiver, watch.finisher, store)
    connection = Connection(server)
    for pid in processes:
        reset_peak(pid)
    receiver, finisher, gateway = map(cpu_seconds, processes)
    began = time.perf_counter()
    with sampled(watch):
        upload = send(connection, f"{gib}.mp3", int(gib * GIB))
        sent, cpu_while_sent, ahead = time.perf_counter(), cpu_seconds(watch.finisher), watch.traffic()
        connection.wait_while(upload, "received")
        verified = time.perf_counter()
        state = connection.wait_while(upload, "received", "verified")
        spooled = time.perf_counter()
    watch.sample()
    assert state == "spooled", state
    after = [cpu_seconds(pid) for pid in processes]
    mib = [
        peak_bytes(server.receiver),
        peak_bytes(watch.finisher),
        ahead.read,
        *watch.traffic(),
        watch.most_scratch,
        watch.most_objects,
    ]
    figures = (
        f"{gib:g}",
        *(f"{seconds:,.0f}" for seconds in (sent - began, verified - sent, spooled - sent, after[0] - receiver)),
        f"{cpu_while_sent - finisher:,.0f} + {after[1] - cpu_while_sent:,.0f}",
        f"{after[2] - gateway:,.0f}",
        *(f"{size / MIB:,.0f}" for size in mib),
    )
    return f"| {' | '.join(figures)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.large")
    parser.add_argument("--gib", type=float, action="append", help="size of a file; can be repeated [1]")
    parser.add_argument("--place", default="disk", help="where data lies: tmpfs, disk, or a folder [disk]")
    options = parser.parse_args()
    print(f"{machine(options.place)}- load before: {load_average():.1f}\n", flush=True)
    with workspace(options.place) as place, ExitStack() as running:
        databases = running.enter_context(PostgreSQL()).databases
        gateway = VersityGateway()
        gateway.data = place / "objects"
        gateway.data.mkdir()
        buckets = running.enter_context(gateway).buckets
        assert gateway.process is not None
        backend = Cluster(databases, buckets, buckets.create()).new_backend()
        node, log = place / "node", place / "node.log"
        server = running.enter_context(Server(node, backend=backend, log=log, verdict_wait_slice=0, disk_reserve=0))
        print(f"| {' | '.join(COLUMNS)} |\n|{' --: |' * len(COLUMNS)}", flush=True)
        for gib in options.gib or [1.0]:
            watch = Watch(server.finisher, gateway.port, node / "scratch", gateway.data)
            print(measure(server, gateway.process.pid, watch, gib), flush=True)
            for name in backend.store.names():
                backend.store.remove(name)


if __name__ == "__main__":
    main()
