"""Becomes another program, with limits: `python -m media_service.media.limited SECONDS BYTES PROGRAM ARGUMENTS…`.

Limits must be set inside the process they hold for, and by nothing that could be interrupted between fork and exec.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress


def main() -> None:
    """Takes only time that nobody else wants, so much of it and of memory, writes no file, and becomes the program."""
    seconds, memory, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.execv(program[0], program)  # noqa: S606  # the parent names the program, not a client


if __name__ == "__main__":
    main()
