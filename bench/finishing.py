"""Receiving and finishing together: what a file costs, and how long it waits for its verdict and for its place.

`python -m bench.finishing [--mib 1024] [--place disk] [--runs 3]`. The files are of 128 kbit/s: `plain` begins with an
ID3v2 tag, `LAME` with LAME's header and its music CRC; the parser is measured on 320 kbit/s too. They are sent in
order, in multipart slices of 4 MiB with their SHA-256, at the pace of a line of 1 Gbit/s and as fast as it goes, and
small ones right after a large one. Each pass is measured alone. Copying the file on the same disk, durably, is measured
in the same run: nothing that copies can be faster.
"""

from __future__ import annotations

import argparse
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from fastcrc import crc16

from bench.machine import load_average, machine
from bench.passes import Unhashed, copy_durably, parse, pass_costs, sha256
from bench.payload import make_payload
from bench.processes import TICKS
from bench.upload_client import Connection, Finish, empty, put, send
from bench.workspace import memory, workspace
from tests.support.server import Server
from tests.support.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB, GIB = 1 << 20, 1 << 30
LINE = 125_000_000
"""Bytes a second of a line of 1 Gbit/s."""

WARM_BYTES = 4 * MIB

FEW = 16
"""Small files that come at once."""

DISTINCT = 512
"""Frames of a file that are made; it repeats them."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.finishing")
    parser.add_argument("--mib", type=int, default=1024, help="the file's size [1024]")
    parser.add_argument("--place", default="disk", help="where data lies: tmpfs, disk, or a folder [disk]")
    parser.add_argument("--runs", type=int, default=3, help="counted runs [3]")
    parser.add_argument("--only", choices=TABLES, action="append", help="print this table; can be repeated [all]")
    options = parser.parse_args()
    with memory() as payloads, workspace(options.place) as place:
        print(f"{machine(f'{options.place} ({file_system(place)})')}- load before: {load_average():.1f}\n", flush=True)
        size = options.mib * MIB
        plain, lame, fast = (payloads / f"{name}.mp3" for name in ("plain", "lame", "fast"))
        make_payload(plain, size)
        make_stream(lame, size, Stream(kbits=128), header=True)
        make_stream(fast, size, Stream(kbits=320), header=False)
        files = {"plain": plain, "LAME": lame, "320 kbit/s": fast}
        for name in options.only or TABLES:
            for said in TABLES[name](files, place, options.runs):
                print(said, flush=True)


def file_system(place: Path) -> str:
    """Return the type of the file system of a folder."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(mount, kind) for mount, kind in mounts if place.resolve().is_relative_to(mount)]
    return max(above, key=lambda found: len(found[0]))[1]


def make_stream(path: Path, size: int, stream: Stream, *, header: bool) -> None:
    """Write about `size` bytes of the stream's frames, after the header that LAME would write, if `header`."""
    block = b"".join(stream.frames(DISTINCT))
    repeats = size // len(block)
    checksum = 0
    with path.open("wb") as file:
        file.write(stream.first(repeats * DISTINCT, repeats * len(block), 0) if header else b"")
        for _ in range(repeats):
            file.write(block)
            checksum = crc16.arc(block, checksum)
        file.seek(0)
        if header:
            file.write(stream.first(repeats * DISTINCT, repeats * len(block), checksum))


def parse_times(files: dict[str, Path], _place: Path, runs: int) -> Iterator[str]:
    """Yield a table of seconds: SHA-256, the frame parser alone, and with digests, each in pieces of 1 MiB."""
    yield from head("parser of", "frames", "SHA-256 s", "parser s", "SHA-256 ÷ parser", "with the audio's digests s")
    for name, path in files.items():
        seen = [(timed(sha256, path), timed(parse, path, Unhashed()), timed(parse, path)) for _ in range(runs)]
        hashed, parsed, whole = (median(run[column] for run in seen) for column in range(3))
        frames = parse(path, Unhashed())
        yield f"| {name} | {frames:,} | {hashed:.2f} | {parsed:.2f} | {hashed / parsed:.2f} | {whole:.2f} |"


def passes(files: dict[str, Path], place: Path, runs: int) -> Iterator[str]:
    """Yield a table of processor time: each pass over a file on the disk of the service's data."""
    copy = place / "file"
    shutil.copyfile(files["LAME"], copy)
    costs = pass_costs(copy, place, runs)
    copy.unlink()
    yield from head("pass, alone", "CPU s/GiB")
    for name, cost in costs.items():
        yield f"| {name} | {cost:.2f} |"


def uploads(files: dict[str, Path], place: Path, runs: int) -> Iterator[str]:
    """Yield a table of the seconds from the last acknowledgement to verdict and spooled file, and their cost."""
    shown: dict[str, list[Finish]] = {}
    yield from head("sent", "CPU s/GiB", "MB/s", "last slice → verdict s", "→ spooled s", "bare copy s", "÷ bare copy")
    with warm_server(place) as server:
        for name in ("plain", "LAME"):
            path = files[name]
            for pace in (LINE, None):
                seen, copies = [], []
                for _ in range(runs):
                    seen.append(send(server, path, pace))
                    copies.append(timed(copy_durably, path, place / "copy"))
                how = f"{name}, {'1 Gbit/s' if pace else 'unpaced'}"
                shown[how] = seen
                yield row(how, path.stat().st_size, seen, median(copies))
    yield from by_part(shown, files["plain"].stat().st_size / GIB)


def by_part(shown: dict[str, list[Finish]], gib: float) -> Iterator[str]:
    """Yield a table of the processor time of each process and thread, receiving and finishing together."""
    parts = sorted({part for seen in shown.values() for one in seen for part in one.parts})
    yield from head("CPU s/GiB of", *parts)
    for how, seen in shown.items():
        costs = (median(one.parts[part] for one in seen) / TICKS / gib for part in parts)
        yield f"| {how} | {' | '.join(f'{cost:.2f}' for cost in costs)} |"


def small_ones(files: dict[str, Path], place: Path, runs: int) -> Iterator[str]:
    """Yield a table of how long small files wait to be finished: by themselves, and right after a large one."""
    yield from head(f"{FEW} x 1 MiB", "last slice → all spooled s", "the large one s")
    few = [files["LAME"].parent / f"{number}.mp3" for number in range(FEW)]
    for number, path in enumerate(few):
        make_stream(path, MIB, Stream(kbits=128, seed=number), header=True)
    with warm_server(place) as server:
        for name, before in (("alone", []), ("right after the large one", [files["LAME"]])):
            seen = [waited(server, before, few) for _ in range(runs)]
            small, whole = (median(run[column] for run in seen) for column in range(2))
            yield f"| {name} | {small:.2f} | {f'{whole:.2f}' if before else ''} |"


TABLES = {"parser": parse_times, "passes": passes, "uploads": uploads, "small": small_ones}


def waited(server: Server, before: list[Path], few: list[Path]) -> tuple[float, float]:
    """Return seconds from the last of all slices until the few are in the spool, and until all files are."""
    connection = Connection(server)
    large, small = ([put(connection, path, None) for path in paths] for paths in (before, few))
    sent = time.perf_counter()
    ends = []
    for sent_uploads in (small, large):
        for upload in sent_uploads:
            assert connection.wait_while(upload, "received", "verified") == "spooled"
        ends.append(time.perf_counter() - sent)
    empty(server)
    return ends[0], ends[1]


@contextmanager
def warm_server(place: Path) -> Iterator[Server]:
    """Yield a server that has finished a file: the tag worker starts with the first one."""
    with Server(place / "data", disk_reserve=0, verdict_wait_slice=0) as server:
        warm = place / "warm.mp3"
        make_payload(warm, WARM_BYTES)
        send(server, warm, None)
        yield server
    shutil.rmtree(place / "data")


def row(how: str, size: int, seen: list[Finish], bare: float) -> str:
    """Return a line of the table."""
    sending, verdict, spooled, cpu = (
        median(getattr(one, field) for one in seen) for field in ("sending", "verdict", "spooled", "cpu")
    )
    return (
        f"| {how} | {cpu * GIB / size:.2f} | {size / sending / 1e6:.0f} | {verdict:.3f} | {spooled:.2f} | {bare:.2f} |"
        f" {spooled / bare:.2f} |"
    )


def head(*columns: str) -> Iterator[str]:
    """Yield the first lines of a table."""
    yield f"\n| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"


def timed(act: Callable[..., object], *given: object) -> float:
    """Return the seconds that the call took."""
    began = time.perf_counter()
    act(*given)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
