"""Our service, as what `media-service serve` becomes, with one dialect and one durability at a time."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.target import STARTS_WITHIN, Running, StartFailed, Target, launch, wait_until_it_answers
from media_service import __version__
from media_service.cli import ALLOCATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

TAIL = 4096
"""Bytes that are withheld: finishing a file begins with its last byte, and is measured apart from receiving."""

ASIDE_ALONE = (
    "import sys; del sys.argv[1:3]; import media_service.catalogue.committing as c; c.BATCH; c.BATCH = 1;"
    " import media_service.sidecar as d; d.main()"
)
ALONE = (
    "import sys; import media_service.ipc.supervisor as p; p.RUN;"
    f" p.RUN = (sys.executable, '-c', {ASIDE_ALONE!r}, '-m'); import media_service.server as s; s.main()"
)
"""The service with one transaction a slice, in the process aside. Fails when a name has moved."""

SLOW_SYNC = "inject=fdatasync,fsync:delay_exit=10000"
SLOW_WRITE = "inject=pwrite64:delay_exit=50000"


def strace(injection: str) -> tuple[str, ...]:
    """Runs a program with slowed system calls (microseconds); only those are traced, so the others stay fast."""
    calls = injection.split(":", maxsplit=1)[0].removeprefix("inject=")
    return ("strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", injection)


class ThisService(Target):
    """`dialect` as the generator names it; `sync` is the service's setting; `under` a command that runs it.

    `instead`: what stands in the place of `-m media_service.serving`.
    """

    def __init__(
        self,
        name: str,
        dialect: str,
        *,
        sync: str = "slice",
        under: Sequence[str] = (),
        instead: Sequence[str] = (),
        finishes: bool = True,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.whole_dialect = "form"
        self.withhold = TAIL if finishes else 0
        self._door = "tus/" if dialect == "tus" else ""
        self._sync = sync
        self._under = under
        self._instead = instead

    def missing(self) -> str:
        """A tool that slows calls down may be missing."""
        return "" if not self._under or shutil.which(self._under[0]) else f"{self._under[0]} is missing"

    def version(self) -> str:
        """The version, and how it was set."""
        return f"media_service {__version__}, sync={self._sync}"

    def start(self, folder: Path) -> Running:
        """On a free port that it tells itself."""
        settings = {
            "port": 0,
            "data_dir": str(folder / "data"),
            "sync": self._sync,
            # The last slice is answered when it is recorded: what follows is measured as finishing.
            "verdict_wait_slice": 0,
            "verdict_wait_form": 0.001,
            # Listening to finished files is for idle time, and would be charged to the next round.
            "measure_loudness": False,
        }
        serve = (*(self._instead or ("-m", "media_service.serving")), json.dumps(settings))
        environment = ALLOCATOR | {"PYTHONPATH": str(Path(__file__).parents[1])}
        process = launch([*self._under, sys.executable, *serve], folder, environment)
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and process.poll() is None:
            greeting = re.search(r"^page +http://127\.0\.0\.1:(\d+)/", (folder / "log").read_text(), re.MULTILINE)
            if greeting:
                wait_until_it_answers(process, int(greeting[1]), folder)
                return Running(process, f"http://127.0.0.1:{greeting[1]}/{self._door}", folder)
            time.sleep(0.05)
        raise StartFailed(f"{self.name}: {(folder / 'log').read_text()[-500:].strip()}")

    def store(self, folder: Path) -> Path:
        """The spool."""
        return folder / "data" / "spool" / "mp3"


def service_targets() -> list[Target]:
    """Every way into the service that is measured."""
    alone, one_by_one = ("-c", ALONE), ("-m", "bench.unbatched_commits")
    return [
        ThisService("ours-raw", "raw", sync="upload"),
        ThisService("ours-raw-slice", "raw"),
        ThisService("ours-raw-sha", "raw-sha"),
        ThisService("ours-multipart", "multipart", sync="upload"),
        ThisService("ours-multipart-sha", "multipart-sha"),
        ThisService("ours-tus", "tus", sync="upload"),
        ThisService("ours-tus-slice", "tus"),
        ThisService("ours-one-by-one", "raw", instead=one_by_one),
        ThisService("ours-one-commit-each", "raw", instead=alone),
        ThisService("ours-slow-sync", "raw", under=strace(SLOW_SYNC)),
        ThisService("ours-slow-sync-one-commit-each", "raw", under=strace(SLOW_SYNC), instead=alone),
        ThisService("ours-slow-write", "multipart-sha", under=strace(SLOW_WRITE)),
    ]
