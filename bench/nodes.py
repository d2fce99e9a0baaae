"""What a byte costs a receiver on S3 and PostgreSQL: beside a folder and SQLite, and beside a bare PUT.

`python -m bench.nodes [--mib 1024] [--runs 3] [--place disk]`. It starts PostgreSQL and versitygw for itself, one tree
on a folder, one on S3, and two nodes that share a database and a bucket. Slices of 8 MiB with their SHA-256 come one
after the other to each node, slices of 64 KiB over 32 connections to each. The bare PUT sends the same bytes from
memory, as objects of 8 MiB whose SHA-256 is known. All rows of a round are measured in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.generator import Generator, Load, build
from bench.machine import load_average, machine
from bench.payload import make_payload
from bench.processes import cpu_seconds, peak_bytes, reset_peak
from bench.this_service import WITHHELD_BYTES
from bench.workspace import ROOT, memory, workspace
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.location import S3Location
from tests.services.postgresql import PostgreSQL
from tests.services.s3 import CREDENTIALS, VersityGateway
from tests.support.backend import Backend, Cluster
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIB, GIB = 1 << 20, 1 << 30
PIECE = 8 * MIB
SMALL_UPLOADS, SMALL_BYTES, SMALL_PIECE = 32, 4 * MIB, 64 << 10


@dataclass
class Row:
    """One line of the table: servers that are driven at once, and what each round measured."""

    name: str
    servers: Sequence[Server]
    load: Load
    payload: Path
    samples: list[dict[str, float]] = field(default_factory=list)

    def measure(self, program: Path, number: int) -> None:
        """Send the payload to each server at the same time."""
        receivers = [pid for server in self.servers for pid in server.receivers]
        for pid in receivers:
            reset_peak(pid)
        with ExitStack() as stack, ThreadPoolExecutor(len(self.servers)) as threads:
            generators = [
                stack.enter_context(
                    Generator(
                        program,
                        self.load,
                        dialect="raw-sha",
                        payload=self.payload,
                        url=f"{server.url}/",
                        name=f"{self.name.replace(' ', '-')}-{number}-{node}",
                    )
                )
                for node, server in enumerate(self.servers)
            ]
            before, begun = sum(map(cpu_seconds, receivers)), time.perf_counter()
            received = [*threads.map(lambda each: each.step("received"), generators)]
            seconds = time.perf_counter() - begun
            cpu, peak = sum(map(cpu_seconds, receivers)) - before, max(map(peak_bytes, receivers))
            finished = [*threads.map(lambda each: each.step("finished"), generators)]
        errors = [each["first_error"] for each in finished if each["first_error"]]
        assert not errors, errors
        self.samples.append(_sample(received, cpu, seconds) | {"peak": peak})

    def line(self) -> str:
        """Return the medians as a line of the table."""
        middle = {name: median(sample[name] for sample in self.samples) for name in self.samples[0]}
        return (
            f"| {self.name} | {middle['cpu']:.2f} | {middle['rate']:,.0f} | {middle['pieces']:,.0f} "
            f"| {middle['p50']:.1f} / {middle['p99']:.1f} | {middle['peak'] / MIB:,.0f} |"
        )


def _sample(received: Sequence[dict[str, Any]], cpu: float, seconds: float) -> dict[str, float]:
    size, pieces = (sum(each[name] for each in received) for name in ("bytes", "pieces"))
    worst = {share: max(each["piece_ms"][share] for each in received) for share in ("p50", "p99")}
    return {"cpu": cpu / size * GIB, "rate": size / seconds / 1e6, "pieces": pieces / seconds, **worst}


async def put_bare(location: S3Location, payload: Path) -> dict[str, float]:
    """Send the payload's pieces one after the other, each in a PUT; return what it cost this process."""
    whole = payload.read_bytes()
    pieces = [whole[start : start + PIECE] for start in range(0, len(whole), PIECE)]
    digests = [hashlib.sha256(piece).digest() for piece in pieces]
    took: list[float] = []
    async with S3Client(location) as client:
        await client.put("bare/warm", pieces[0], digests[0])
        cpu, begun = time.process_time(), time.perf_counter()
        for number, (piece, digest) in enumerate(zip(pieces, digests, strict=True)):
            at = time.perf_counter()
            await client.put(f"bare/{number}", piece, digest)
            took.append((time.perf_counter() - at) * 1000)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - begun
        await client.delete([f"bare/{number}" for number in range(len(pieces))])
    ms = {"p50": sorted(took)[len(took) // 2], "p99": sorted(took)[len(took) * 99 // 100]}
    received = {"bytes": len(whole), "pieces": len(pieces), "piece_ms": ms}
    return _sample([received], cpu, seconds) | {"peak": peak_bytes(os.getpid())}


def _measure_bare(store: dict[str, str], payload: Path) -> dict[str, float]:
    """Run `put_bare` in a process of its own, so that nothing else is in its figures."""
    command = [sys.executable, "-m", "bench.nodes", "--bare", json.dumps(store | {"payload": str(payload)})]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | CREDENTIALS, capture_output=True, text=True, check=True)
    sample: dict[str, float] = json.loads(done.stdout)
    return sample


def _payloads(folder: Path, mib: int) -> tuple[Path, Path]:
    """Return a large and a small file."""
    large, small = folder / "large.mp3", folder / "small.mp3"
    make_payload(large, mib * MIB)
    make_payload(small, SMALL_BYTES)
    return large, small


@contextmanager
def _servers(cluster: Cluster, place: Path) -> Iterator[dict[str, list[Server]]]:
    """Yield the servers of each kind: on a folder, on S3, and two nodes that share a database and a bucket."""
    settings: dict[str, Any] = {"workers": 1, "verdict_wait_slice": 0, "disk_reserve": 0}
    with ExitStack() as running:

        def start(name: str, backend: Backend | None) -> Server:
            server = Server(place / name, backend=backend, log=place / f"{name}.log", **settings)
            return running.enter_context(server)

        alone, shared = cluster.new_backend(), cluster.new_backend()
        yield {
            "folder": [start("folder", None)],
            "S3": [start("alone", alone)],
            "two nodes": [start("one", shared), start("two", shared)],
        }


def _rows(servers: dict[str, list[Server]], large: Path, small: Path) -> list[Row]:
    """Return a row for each kind of servers with each size of slices."""
    by_eight = Load(piece=PIECE, withhold=WITHHELD_BYTES)
    by_small = Load(uploads=SMALL_UPLOADS, at_once=SMALL_UPLOADS, piece=SMALL_PIECE, withhold=WITHHELD_BYTES)
    return [
        Row(name.format(size), servers[kind], load, payload)
        for size, load, payload in (("8 MiB", by_eight, large), ("64 KiB", by_small, small))
        for kind, name in (("folder", "folder, {}"), ("S3", "S3, {}"), ("two nodes", "S3, {}, two nodes"))
    ]


def _measure(rows: Sequence[Row], bare: Row, store: dict[str, str], rounds: int) -> None:
    """Measure all rows, round by round. The round before them fills caches and compiles statements."""
    program = build()
    for number in range(rounds + 1):
        bare.samples.append(_measure_bare(store, bare.payload))
        for row in rows:
            row.measure(program, number)
        if number == 0:
            for row in (bare, *rows):
                row.samples.clear()


def _print_table(rows: Sequence[Row]) -> None:
    print("| receiver | CPU s/GiB | MB/s | pieces/s | piece p50 / p99 ms | peak MiB |")
    print(f"| --- |{' --: |' * 5}")
    for row in rows:
        print(row.line())


def _run_bare(given: dict[str, Any]) -> None:
    """Print what `put_bare` measures, as JSON."""
    payload = Path(given.pop("payload"))
    print(json.dumps(asyncio.run(put_bare(S3Location(**given), payload))))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.nodes")
    parser.add_argument("--mib", type=int, default=1024, help="bytes sent to each node [1024]")
    parser.add_argument("--place", default="disk", help="where data lies: tmpfs, disk, or a folder [disk]")
    parser.add_argument("--runs", type=int, default=3, help="counted runs [3]")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare is not None:
        _run_bare(json.loads(options.bare))
        return
    print(f"{machine(options.place)}- load before: {load_average():.1f}\n", flush=True)
    with memory() as payloads, workspace(options.place) as place, ExitStack() as running:
        large, small = _payloads(payloads, options.mib)
        databases = running.enter_context(PostgreSQL()).databases
        buckets = running.enter_context(VersityGateway()).buckets
        bucket = buckets.create()
        servers = running.enter_context(_servers(Cluster(databases, buckets, bucket), place))
        bare, rows = Row("bare PUT", [], Load(), large), _rows(servers, large, small)
        store = {"bucket": bucket, "prefix": "bench/", "endpoint": buckets.endpoint}
        _measure(rows, bare, store, options.runs)
    _print_table([bare, *rows])


if __name__ == "__main__":
    main()
