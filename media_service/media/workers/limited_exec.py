"""Becomes another program, with limits: `python -m media_service.media.workers.limited_exec SECONDS BYTES PROGRAM ARGUMENTS…`.

It can open its libraries, and the file on its standard input again; no other file.
Limits must be set inside the process they hold for, and by nothing that could be interrupted between fork and exec.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from media_service.media.workers.sandbox import confine

DESCRIPTORS = 32
"""Files that the program may have open."""

LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")


def main() -> None:
    """Takes only time that nobody else wants, so much of it and of memory, writes no file, and becomes the program."""
    seconds, memory, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    confine(DESCRIPTORS, programs=_needed_by(program[0]), files=[sys.stdin.fileno()])
    os.execv(program[0], program)  # noqa: S606  # the parent names the program, not a client


def _needed_by(program: str) -> list[Path]:
    """Return where the program and its libraries are, also if it was installed in a folder of its own."""
    place = Path(program).resolve()
    return [place, place.parent.parent / "lib", *map(Path, LIBRARIES)]


if __name__ == "__main__":
    main()
