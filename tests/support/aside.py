"""The process aside of a running server, seen from outside."""

from __future__ import annotations

import time
from pathlib import Path

ENDS_WITHIN = 10.0
PROC = Path("/proc")


def aside_of(pid: int) -> int:
    """The process aside that this process started last."""
    children = (PROC / str(pid) / "task").glob("*/children")
    found = [int(child) for path in children for child in path.read_text().split()]
    return max(child for child in found if b"media_service.disk_process" in _command(child))


def wait_for_end(pid: int) -> None:
    """Returns when the process has ended; one that nobody waited for has too."""
    deadline = time.monotonic() + ENDS_WITHIN
    while _command(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.01)


def _command(pid: int) -> bytes:
    """Its command line; empty when it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
