"""After the last byte: the frame parser beside SHA-256, and how long a whole file waits for its verdict and place.

`python -m bench.finishing [--mib 1024] [--place disk] [--runs 3]`. The files are of 128 kbit/s, one with LAME's header
and its music CRC; the parser is measured on 320 kbit/s too. They are sent in order, in raw slices of 4 MiB, at the pace
of a line of 1 Gbit/s and as fast as it goes, and small ones right after a large one. Copying the file on the same
disk, durably, is measured in the same run: nothing that copies can be faster.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import mmap
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from fastcrc import crc16

from bench.machine import load_average, machine
from bench.payload import make_payload
from bench.workspace import memory, workspace
from media_service.media.mpeg.audio_digest import AudioDigest
from media_service.media.mpeg.parser import FrameParser
from media_service.storage.copy_range import CHUNK_BYTES, copy_range
from tests.support.server import Server
from tests.support.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20
SLICE = 4 * MIB
LINE = 125_000_000
"""Bytes a second of a line of 1 Gbit/s."""

ASK_AGAIN = 0.01
"""Seconds between two looks at an upload's state."""

FEW = 16
"""Small files that come at once."""

DISTINCT = 512
"""Frames of a file that are made; it repeats them."""


class Unhashed(AudioDigest):
    """The frame parser alone."""

    def update(self, piece: memoryview) -> None:
        """Takes nothing."""


@dataclass(frozen=True, slots=True)
class Finish:
    """One upload's seconds: all of its sending, and from its last acknowledgement to the verdict and to the spool."""

    sending: float
    verdict: float
    spooled: float


def main() -> None:
    """Prints three tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.finishing")
    parser.add_argument("--mib", type=int, default=1024, help="the file's size [1024]")
    parser.add_argument("--place", default="disk", help="where data lies: tmpfs, disk, or a folder [disk]")
    parser.add_argument("--runs", type=int, default=3, help="counted runs [3]")
    options = parser.parse_args()
    with memory() as payloads, workspace(options.place) as place:
        print(f"{machine(f'{options.place} ({file_system(place)})')}- load before: {load_average():.1f}\n", flush=True)
        size = options.mib * MIB
        plain, lame, fast = (payloads / f"{name}.mp3" for name in ("plain", "lame", "fast"))
        make_payload(plain, size)
        make_stream(lame, size, Stream(kbits=128), header=True)
        make_stream(fast, size, Stream(kbits=320), header=False)
        for said in parse_times({"128 kbit/s": plain, "128 kbit/s, LAME": lame, "320 kbit/s": fast}, options.runs):
            print(said, flush=True)
        fast.unlink()
        for said in uploads({"plain": plain, "LAME": lame}, place, options.runs):
            print(said, flush=True)
        for said in small_ones(lame, payloads, place, options.runs):
            print(said, flush=True)


def file_system(place: Path) -> str:
    """The kind of file system a folder lies on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(mount, kind) for mount, kind in mounts if place.resolve().is_relative_to(mount)]
    return max(above, key=lambda found: len(found[0]))[1]


def make_stream(path: Path, size: int, stream: Stream, *, header: bool) -> None:
    """Writes about `size` bytes of the stream's frames, behind the header that LAME would give them."""
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


def parse_times(files: dict[str, Path], runs: int) -> Iterator[str]:
    """SHA-256, the frame parser alone, and with its digests: each reads the file in pieces of 1 MiB."""
    yield from head("parser of", "frames", "SHA-256 s", "parser s", "SHA-256 ÷ parser", "with the audio's digests s")
    for name, path in files.items():
        seen = [(timed(sha256, path), timed(parse, path, Unhashed()), timed(parse, path)) for _ in range(runs)]
        hashed, parsed, whole = (median(run[column] for run in seen) for column in range(3))
        frames = parse(path, Unhashed())
        yield f"| {name} | {frames:,} | {hashed:.2f} | {parsed:.2f} | {hashed / parsed:.2f} | {whole:.2f} |"


def uploads(files: dict[str, Path], place: Path, runs: int) -> Iterator[str]:
    """How long after the last acknowledgement there is a verdict, and a file in the spool."""
    yield from head("sent", "MB/s", "last slice → verdict s", "→ spooled s", "bare copy s", "÷ bare copy")
    with warm_server(place) as server:
        for name, path in files.items():
            for pace in (LINE, None):
                seen, copies = [], []
                for _ in range(runs):
                    seen.append(send(server, path, pace))
                    copies.append(timed(copy_durably, path, place / "copy"))
                yield row(name, path, pace, seen, median(copies))


def small_ones(large: Path, payloads: Path, place: Path, runs: int) -> Iterator[str]:
    """How long small files wait to be finished: by themselves, and when a large one came right before them."""
    yield from head(f"{FEW} x 1 MiB", "last slice → all spooled s", "the large one s")
    few = [payloads / f"{number}.mp3" for number in range(FEW)]
    for number, path in enumerate(few):
        make_stream(path, MIB, Stream(kbits=128, seed=number), header=True)
    with warm_server(place) as server:
        for name, before in (("alone", []), ("right behind the large one", [large])):
            seen = [waited(server, before, few) for _ in range(runs)]
            small, whole = (median(run[column] for run in seen) for column in range(2))
            yield f"| {name} | {small:.2f} | {f'{whole:.2f}' if before else ''} |"


def waited(server: Server, before: list[Path], few: list[Path]) -> tuple[float, float]:
    """Seconds from the last of all slices until the few are in the spool, and until everything is."""
    to = Line(server)
    large, small = ([put(to, path, None) for path in paths] for paths in (before, few))
    sent = time.perf_counter()
    ends = []
    for uploads in (small, large):
        for upload in uploads:
            assert until(to, upload, ("received", "verified"))["state"] == "spooled"
        ends.append(time.perf_counter() - sent)
    empty(server)
    return ends[0], ends[1]


@contextmanager
def warm_server(place: Path) -> Iterator[Server]:
    """One that has finished a file already: the child process of mutagen starts with the first."""
    with Server(place / "data", disk_reserve=0, verdict_wait_slice=0) as server:
        warm = place / "warm.mp3"
        make_payload(warm, SLICE)
        send(server, warm, None)
        yield server
    shutil.rmtree(place / "data")


def row(name: str, path: Path, pace: float | None, seen: list[Finish], bare: float) -> str:
    """One line of the table."""
    sending, verdict, spooled = (
        median(getattr(one, field) for one in seen) for field in ("sending", "verdict", "spooled")
    )
    how = f"{name}, {'1 Gbit/s' if pace else 'unpaced'}"
    rate = path.stat().st_size / sending / 1e6
    return f"| {how} | {rate:.0f} | {verdict:.3f} | {spooled:.2f} | {bare:.2f} | {spooled / bare:.2f} |"


def head(*columns: str) -> Iterator[str]:
    """How a table begins."""
    yield f"\n| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"


def timed(act: Callable[..., object], *given: object) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    act(*given)
    return time.perf_counter() - began


def blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces of 1 MiB."""
    with path.open("rb", buffering=0) as file:
        while block := file.read(MIB):
            yield block


def sha256(path: Path) -> None:
    """The file's SHA-256, unless somebody wants it."""
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)


def parse(path: Path, audio: AudioDigest | None = None) -> int:
    """The file's frames."""
    parser = FrameParser(audio)
    for block in blocks(path):
        parser.feed(block)
    report = parser.finish()
    assert not report.gaps, "the payload is damaged"
    return report.frames


def copy_durably(source: Path, target: Path) -> None:
    """A synced copy of a synced file, as the kernel makes it; deleted at once."""
    size = source.stat().st_size
    with source.open("rb") as reader, target.open("wb") as writer:
        at = 0
        while at < size:
            at += copy_range(reader.fileno(), writer.fileno(), at, min(CHUNK_BYTES, size - at))
        os.fsync(writer.fileno())
    target.unlink()


class Line:
    """A connection to a server."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The JSON of an answer that must be a success."""
        headers = {"Content-Type": "application/json"} if isinstance(body, str) else {}
        self._connection.request(method, path, body, headers)  # type: ignore[arg-type]  # any buffer will do
        answer = self._connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        assert answer.status < 300, told
        return told


def send(server: Server, path: Path, pace: float | None) -> Finish:
    """One upload in order; at `pace` bytes a second, or as fast as it goes."""
    to = Line(server)
    began = time.perf_counter()
    upload = put(to, path, pace)
    sent = time.perf_counter()
    until(to, upload, ("received",))
    judged = time.perf_counter()
    ended = until(to, upload, ("received", "verified"))
    spooled = time.perf_counter()
    assert ended["state"] == "spooled", ended
    empty(server)
    return Finish(sent - began, judged - sent, spooled - sent)


def put(to: Line, path: Path, pace: float | None) -> str:
    """Sends a file in order; the upload's id once its last slice was acknowledged."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
        memoryview(mapped) as whole,
    ):
        tags = {"title": "Bench", "artist": "Finishing"}
        wish = {"filename": path.name, "length": len(whole), "tags": tags}
        upload = str(to.ask("POST", "/api/v1/uploads", json.dumps(wish))["id"])
        began = time.perf_counter()
        for offset in range(0, len(whole), SLICE):
            if pace:
                time.sleep(max(0.0, began + offset / pace - time.perf_counter()))
            to.ask("PUT", f"/api/v1/uploads/{upload}/slices/{offset}", whole[offset : offset + SLICE])
    return upload


def empty(server: Server) -> None:
    """Takes away what was finished."""
    for finished in server.spool.iterdir():
        finished.unlink()


def until(to: Line, upload: str, states: tuple[str, ...]) -> dict[str, Any]:
    """The upload once it is in none of these states."""
    while (shown := to.ask("GET", f"/api/v1/uploads/{upload}"))["state"] in states:
        time.sleep(ASK_AGAIN)
    return shown


if __name__ == "__main__":
    main()
