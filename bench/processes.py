"""Measure a server's process tree: CPU seconds and peak memory, read from /proc."""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
"""Ticks a second: processor time is known to 1/100 s, so a run should take some tenths of a second at least."""


def tree(root: int) -> list[int]:
    """Return `root` and all living descendants of it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                children.setdefault(_parent(int(entry.name)), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """Return user and system seconds of the tree, with those of children that ended and were waited for."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            ticks += sum(int(field) for field in _fields(pid)[11:15])
    return ticks / TICKS


def cpu_by_part(root: int) -> Counter[str]:
    """Return user and system ticks of each part of the service.

    Parts are the root's event loop, its named threads, its other threads together, and the other processes by module.
    """
    parts: Counter[str] = Counter()
    for pid in tree(root):
        with suppress(OSError):
            if pid != root:
                parts[_module(pid)] += _own_ticks(PROC / str(pid))
                continue
            own, named = _own_ticks(PROC / str(pid)), Counter[str]()
            for thread in (PROC / str(pid) / "task").iterdir():
                name = "event loop" if thread.name == str(pid) else (thread / "comm").read_text().strip()
                named[name] += _own_ticks(thread)
            unnamed = (PROC / str(pid) / "comm").read_text().strip()
            del named[unnamed]
            named["other threads"] = own - named.total()
            parts += named
    return parts


def _own_ticks(entry: Path) -> int:
    return sum(int(field) for field in _fields_of(entry)[11:13])


def _module(pid: int) -> str:
    """Return the last part of the name of the Python module that a process runs, or its command."""
    command = (PROC / str(pid) / "cmdline").read_text().split("\0")
    return next((word.rsplit(".", 1)[-1] for word in command if word.startswith("media_service.")), command[0])


def thread_seconds(root: int, name: str) -> float:
    """Return user and system seconds of the living threads with this name in the tree."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            for thread in (PROC / str(pid) / "task").iterdir():
                if (thread / "comm").read_text().strip() == name:
                    ticks += sum(int(field) for field in _fields_of(thread)[11:13])
    return ticks / TICKS


def reset_peak(root: int) -> None:
    """Reset the peaks, so that `peak_bytes` returns those from now on."""
    for pid in tree(root):
        with suppress(OSError):
            (PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(root: int) -> int:
    """Return the sum of the peaks of the living processes (VmHWM), which the tree never exceeded at one moment.

    Pages that processes share count in each of them.
    """
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            for line in (PROC / str(pid) / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) * 1024
    return total


SAMPLE_SECONDS = 0.2
"""Seconds between two samples of the memory of a tree."""


@contextmanager
def sample_memory(root: int) -> Iterator[list[int]]:
    """Yield a list whose one number becomes the largest of the samples: bytes of memory of the tree."""
    most, ended = [0], threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            most[0] = max(most[0], _held_bytes(root))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield most
    finally:
        ended.set()
        sampler.join()


def _held_bytes(root: int) -> int:
    """Return the bytes of private pages, and those of each file once, however many processes of the tree share them.

    The kernel's proportional share (PSS) depends on other processes of the machine that run the same programs.
    """
    own, shared = 0, Counter[str]()
    for pid in tree(root):
        with suppress(OSError):
            mine, common = _pages((PROC / str(pid) / "smaps").read_text())
            own += mine
            shared |= common
    return own + shared.total()


def _pages(smaps: str) -> tuple[int, Counter[str]]:
    """Return the bytes of private pages, and of shared ones by file (proc_pid_smaps(5))."""
    own, common, file = 0, Counter[str](), ""
    for line in smaps.splitlines():
        name, *rest = line.split(maxsplit=5)
        if name.startswith("Private_"):
            own += int(rest[0]) * 1024
        elif name.startswith("Shared_"):
            common[file] += int(rest[0]) * 1024
        elif not name.endswith(":"):
            file = rest[4] if len(rest) > 4 else ""
    return own, common


def _parent(pid: int) -> int:
    return int(_fields(pid)[1])


def _fields(pid: int) -> list[str]:
    """Return the fields of `stat` after the command, which may contain spaces and brackets: state, parent, …"""
    return _fields_of(PROC / str(pid))


def _fields_of(entry: Path) -> list[str]:
    return (entry / "stat").read_text().rpartition(")")[2].split()
