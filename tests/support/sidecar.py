"""The sidecar process of a server, found through /proc."""

from __future__ import annotations

import time
from pathlib import Path

TIMEOUT_SECONDS = 30.0
"""Maximum seconds of its start and its exit."""

PROC = Path("/proc")


def sidecar_of(pid: int) -> int:
    """Return the pid of the sidecar of this server process, once it runs."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        for children in (PROC / str(pid) / "task").glob("*/children"):
            for child in children.read_text().split():
                if b"media_service.sidecar" in _command(int(child)):
                    return int(child)
        time.sleep(0.01)
    raise AssertionError("no sidecar runs")


def wait_until_signal_is_ignored(pid: int, number: int) -> None:
    """Return when the process ignores this signal."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        status = (PROC / str(pid) / "status").read_text()
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        if ignored >> (number - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError(f"signal {number} is not ignored")


def wait_for_exit(pid: int) -> None:
    """Return when the process has exited; a zombie has."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while _command(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.01)


def _command(pid: int) -> bytes:
    """Return the command line; empty after the exit."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
