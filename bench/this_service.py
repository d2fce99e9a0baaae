"""This service, as `media-service serve`, with one dialect and one durability at a time."""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.target import STARTS_WITHIN_SECONDS, RunningServer, StartFailed, Target, launch, wait_until_it_responds
from media_service import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHHELD_BYTES = 4096
"""Bytes sent only after the receiving was measured: finishing a file begins with its last byte."""

UNGROUPED = (
    "import media_service.catalogue.sqlite.commit_server as c; c.MAX_BATCH; c.MAX_BATCH = 1;"
    " import media_service.cli as m; m.main()"
)
"""The service with one transaction for each slice, in the forked sidecar. Fails if a name has moved."""

SLOW_SYNC = "inject=fdatasync,fsync:delay_exit=10000"
SLOW_WRITE = "inject=pwrite64:delay_exit=50000"


def strace(injection: str) -> tuple[str, ...]:
    """Return a command that slows system calls down (microseconds) and traces no others."""
    calls = injection.split(":", maxsplit=1)[0].removeprefix("inject=")
    return ("strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", injection)


class ThisService(Target):
    """`dialect` as the generator names it; `sync` and `workers` are settings; `under` a command that runs it.

    `program`: Python's arguments for another program than `-m media_service`, with the same command line.
    """

    def __init__(
        self,
        name: str,
        dialect: str,
        *,
        sync: str = "slice",
        under: Sequence[str] = (),
        program: Sequence[str] = ("-m", "media_service"),
        workers: int = 1,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.whole_dialect = "form"
        self.withhold = WITHHELD_BYTES
        self._path = "tus/" if dialect == "tus" else ""
        self._sync = sync
        self._workers = workers
        self._under = under
        self._program = program

    def missing(self) -> str:
        """Return why it cannot be measured: the program that slows system calls down is missing."""
        return "" if not self._under or shutil.which(self._under[0]) else f"{self._under[0]} is missing"

    def version(self) -> str:
        """Return the version and the durability."""
        return f"media_service {__version__}, sync={self._sync}, workers={self._workers}"

    def start(self, folder: Path) -> RunningServer:
        """Start it on a free port, which it prints."""
        settings = {
            "port": 0,
            "data_dir": folder / "data",
            "sync": self._sync,
            "workers": self._workers,
            # The last slice is answered when it is recorded: what follows is measured as finishing.
            "verdict_wait_slice": 0,
            "verdict_wait_form": 0.001,
            # Loudness is measured in idle time, and would be charged to the next round.
            "measure_loudness": False,
        }
        environment = {f"MEDIA_SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        process = launch([*self._under, sys.executable, *self._program, "serve"], folder, environment)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            printed = re.search(r"^page +http://127\.0\.0\.1:(\d+)/", (folder / "log").read_text(), re.MULTILINE)
            if printed:
                wait_until_it_responds(process, int(printed[1]), folder)
                return RunningServer(process, f"http://127.0.0.1:{printed[1]}/{self._path}", folder)
            time.sleep(0.05)
        raise StartFailed(f"{self.name}: {(folder / 'log').read_text()[-500:].strip()}")

    def store(self, folder: Path) -> Path:
        """Return the spool."""
        return folder / "data" / "spool" / "mp3"


def service_targets() -> list[Target]:
    """Return every way into the service that is measured."""
    ungrouped, one_by_one = ("-c", UNGROUPED), ("-m", "bench.unbatched_commits")
    several = [
        ThisService(f"{name}-{workers}", dialect, sync=sync, workers=workers)
        for workers in (2, 4)
        for name, dialect, sync in (
            ("ours-raw", "raw", "upload"),
            ("ours-raw-slice", "raw", "slice"),
            ("ours-multipart-sha", "multipart-sha", "slice"),
        )
    ]
    return [
        *several,
        ThisService("ours-raw", "raw", sync="upload"),
        ThisService("ours-raw-slice", "raw"),
        ThisService("ours-raw-sha", "raw-sha"),
        ThisService("ours-multipart", "multipart", sync="upload"),
        ThisService("ours-multipart-sha", "multipart-sha"),
        ThisService("ours-tus", "tus", sync="upload"),
        ThisService("ours-tus-slice", "tus"),
        ThisService("ours-one-by-one", "raw", program=one_by_one),
        ThisService("ours-one-commit-each", "raw", program=ungrouped),
        ThisService("ours-slow-sync", "raw", under=strace(SLOW_SYNC)),
        ThisService("ours-slow-sync-one-commit-each", "raw", under=strace(SLOW_SYNC), program=ungrouped),
        ThisService("ours-slow-write", "multipart-sha", under=strace(SLOW_WRITE)),
    ]
