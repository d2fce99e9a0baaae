"""The process aside of a server, seen from outside."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE = 30.0
"""Seconds in which it starts or ends."""

PROC = Path("/proc")


def sidecar_of(pid: int) -> int:
    """The process aside that this process started, once it runs."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for children in (PROC / str(pid) / "task").glob("*/children"):
            for child in children.read_text().split():
                if b"media_service.sidecar" in _command(int(child)):
                    return int(child)
        time.sleep(0.01)
    raise AssertionError("no process runs aside")


def wait_until_it_ignores(pid: int, number: int) -> None:
    """Returns when the process ignores this signal: it begins to while it starts, beside the server."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = (PROC / str(pid) / "status").read_text()
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        if ignored >> (number - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError(f"it does not ignore signal {number}")


def wait_for_end(pid: int) -> None:
    """Returns when the process has ended; one that nobody waited for has too."""
    deadline = time.monotonic() + PATIENCE
    while _command(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.01)


def _command(pid: int) -> bytes:
    """Its command line; empty when it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
