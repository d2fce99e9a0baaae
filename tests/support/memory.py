"""Memory of a process, as the kernel counts it."""

from __future__ import annotations

import re
from pathlib import Path


def resident(pid: int) -> int:
    """Bytes of memory that the process holds now."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes of memory that the process ever held."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match
    return int(match[1]) * 1024


def children(pid: int) -> list[int]:
    """The processes that this one started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
