"""Memory of a process, from /proc."""

from __future__ import annotations

import re
from pathlib import Path


def resident(pid: int) -> int:
    """Return the resident bytes of the process."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """Return the peak of its resident bytes."""
    return _status(pid, "VmHWM")


def proportional(pid: int) -> int:
    """Return the process's proportional set size: pages that n processes share count 1/n in each."""
    match = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert match
    return int(match[1]) * 1024


def private(pid: int) -> int:
    """Return the bytes that the process shares with no other."""
    found = re.findall(r"^Private_\w+:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return sum(map(int, found)) * 1024


def _status(pid: int, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match
    return int(match[1]) * 1024


def children(pid: int) -> list[int]:
    """Return its running child processes."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
