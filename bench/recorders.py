"""Slices that several processes record at once, on each engine: without HTTP, storage and digests.

`python -m bench.recorders [--recorders 64] [--processes 2] [--seconds 5] [--uploads 64] [--postgresql URL]`. Each
recorder records one slice after the other, of its upload. On SQLite the processes share the sidecar, on
PostgreSQL they share only the database. The database must be empty; one of SQLite is in the data folder of the bench.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from bench.machine import load_average, machine
from bench.workspace import ROOT, workspace
from media_service import sidecar
from media_service.catalogue.postgresql.catalogue import PostgresCatalogue
from media_service.catalogue.postgresql.migrate import migrate as migrate_postgresql
from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.catalogue.sqlite.migrate import migrate as migrate_sqlite
from media_service.core.upload import Slice, Upload
from media_service.core.upload_states import State
from media_service.ipc.links import SidecarLinks
from media_service.ipc.unix_socket import listen_privately

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

SLICE_BYTES = 65536
MIGRATIONS = ROOT / "migrations"


@asynccontextmanager
async def opened(place: str) -> AsyncIterator[Any]:
    """Yield the catalogue of one process: in the database at this URL, or in this folder."""
    if place.startswith("postgresql:"):
        in_database = PostgresCatalogue(place, waits_for_records=False)
        await in_database.open()
        yield in_database
        await in_database.close()
        return
    links = SidecarLinks(Path(place) / "socket", ["catalogue"])
    await links.start()
    in_file = SqliteCatalogue(Path(place) / "catalogue.sqlite3", links.clients["catalogue"], is_shared=True)
    await in_file.open()
    yield in_file
    await links.stop()
    await in_file.close()


async def create(place: str, uploads: int) -> None:
    """Create the uploads."""
    async with opened(place) as catalogue:
        for number in range(uploads):
            upload = Upload(
                id=f"{number:022}",
                owner="local",
                dialect="native",
                state=State.RECEIVING,
                filename="a.mp3",
                length=2**50,
                tags={},
                created_at=number,
                updated_at=number,
            )
            await catalogue.create(upload)


async def record(place: str, recorders: Sequence[int], uploads: int, seconds: float) -> dict[str, Any]:
    """Record slices for so long; return the latencies in seconds, and the processor time of this process."""
    latencies: list[float] = []

    async def run(catalogue: Any, recorder: int) -> None:
        begun = time.perf_counter()
        number = 0
        while begun < ends:
            # No two recorders have the same bytes.
            start = (number * 4096 + recorder) * SLICE_BYTES
            piece = Slice(start, start + SLICE_BYTES, bytes(32))
            await catalogue.record(f"{recorder % uploads:022}", piece, number)
            ended = time.perf_counter()
            latencies.append(ended - begun)
            begun, number = ended, number + 1

    async with opened(place) as catalogue:
        # All processes begin at about the same time.
        await asyncio.sleep(1)
        cpu, ends = time.process_time(), time.perf_counter() + seconds
        await asyncio.gather(*(run(catalogue, recorder) for recorder in recorders))
        return {"latencies": latencies, "cpu": time.process_time() - cpu}


def measure(place: str, options: argparse.Namespace) -> str:
    """Return a row of the table: what all processes recorded."""
    asyncio.run(create(place, options.uploads))
    processes = []
    for number in range(options.processes):
        recorders = list(range(number, options.recorders, options.processes))
        command = [sys.executable, "-m", "bench.recorders", "--as", json.dumps(recorders)]
        command += ["--uploads", str(options.uploads), "--seconds", str(options.seconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdin is not None
        process.stdin.write(place + "\n")
        process.stdin.close()
        processes.append(process)
    outputs = [process.stdout.read() for process in processes if process.stdout is not None]
    assert all(process.wait() == 0 for process in processes)
    results = [json.loads(output) for output in outputs]
    latencies = [latency for result in results for latency in result["latencies"]]
    cpu = sum(result["cpu"] for result in results) / len(latencies)
    cut = quantiles(latencies, n=100)
    rate = len(latencies) / options.seconds
    return f"{rate:,.0f} | {cut[49] * 1e3:.1f} | {cut[98] * 1e3:.1f} | {cpu * 1e6:.0f}"


@contextmanager
def sidecar_of(folder: Path) -> Iterator[None]:
    """Run the sidecar of a new catalogue in this folder."""
    migrate_sqlite(folder / "catalogue.sqlite3", MIGRATIONS)
    listener = listen_privately(folder / "socket")
    life, held = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(held)
        sidecar.run(listener, life, folder / "catalogue.sqlite3")
        os._exit(0)
    listener.close()
    os.close(life)
    try:
        yield
    finally:
        os.close(held)
        os.waitpid(pid, 0)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recorders", type=int, default=64)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--uploads", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--postgresql", help="URL of an empty database")
    parser.add_argument("--place", default="disk")
    parser.add_argument("--as", dest="own", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.own is not None:
        place = sys.stdin.readline().strip()
        print(json.dumps(asyncio.run(record(place, json.loads(options.own), options.uploads, options.seconds))))
        return
    print(machine(options.place), f"- load {load_average():.1f}\n", sep="")
    print(f"{options.recorders} recorders in {options.processes} processes, {options.uploads} uploads\n")
    print("| engine | slices/s | p50 ms | p99 ms | µs of a process |\n|---|---|---|---|---|")
    with workspace(options.place) as folder, sidecar_of(folder):
        print("| SQLite |", measure(str(folder), options), "|", flush=True)
    if options.postgresql:
        migrate_postgresql(options.postgresql, MIGRATIONS)
        print("| PostgreSQL |", measure(options.postgresql, options), "|", flush=True)


if __name__ == "__main__":
    main()
