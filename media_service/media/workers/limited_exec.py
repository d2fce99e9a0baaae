"""Run a program with limits: `python -m … SECONDS BYTES PROGRAM ARGUMENTS…`, which replaces this process.

Limits must be set inside the process they apply to; code between fork and exec of the server could deadlock.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from media_service.media.workers.sandbox import confine

MAX_DESCRIPTORS = 32
"""Limit of open files."""

LIBRARY_PATHS = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64"),
    *("/usr/local/lib", "/etc/ld.so.cache"),
)


def main() -> None:
    """Set idle priority, limits of processor time and memory, and the sandbox; then execute the program."""
    seconds, memory, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    confine(MAX_DESCRIPTORS, programs=_readable_paths(program[0]), files=[sys.stdin.fileno()])
    os.execv(program[0], program)  # noqa: S606  # the parent names the program, not a client


def _readable_paths(program: str) -> list[Path]:
    """Return the program and its libraries, also if it is installed outside of the system's folders."""
    path = Path(program).resolve()
    return [path, path.parent.parent / "lib", *map(Path, LIBRARY_PATHS)]


if __name__ == "__main__":
    main()
