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
"""Ticks a second: CPU is known to 1/100 s, so a run should cost some tenths of a second at least."""


def tree(root: int) -> list[int]:
    """`root` and every living descendant of it."""
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
    """User and system seconds of the tree, including children that ended and were waited for."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            ticks += sum(int(field) for field in _fields(pid)[11:15])
    return ticks / TICKS


def cpu_by_part(root: int) -> Counter[str]:
    """User and system ticks of each part of the service: the root's event loop, its named threads, all of its other
    threads together, and each other process by the module that it runs."""
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
    """The last part of the name of the Python module that a process runs."""
    command = (PROC / str(pid) / "cmdline").read_text().split("\0")
    return next((word.rsplit(".", 1)[-1] for word in command if word.startswith("media_service.")), command[0])


def thread_seconds(root: int, name: str) -> float:
    """User and system seconds of the living threads of that name in the tree."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            for thread in (PROC / str(pid) / "task").iterdir():
                if (thread / "comm").read_text().strip() == name:
                    ticks += sum(int(field) for field in _fields_of(thread)[11:13])
    return ticks / TICKS


def reset_peak(root: int) -> None:
    """From now on `peak_bytes` counts anew."""
    for pid in tree(root):
        with suppress(OSError):
            (PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(root: int) -> int:
    """The sum of the living processes' own peaks (VmHWM): never less than what the tree held at one moment.

    Pages that processes share count in each of them.
    """
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            for line in (PROC / str(pid) / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) * 1024
    return total


LOOKS = 0.2
"""Seconds between two looks at what a tree holds."""


@contextmanager
def sample_memory(root: int) -> Iterator[list[int]]:
    """The list's one number becomes the most bytes of memory that the tree held when it was looked at."""
    most, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(LOOKS):
            most[0] = max(most[0], _held_bytes(root))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield most
    finally:
        ended.set()
        looking.join()


def _held_bytes(root: int) -> int:
    """Pages of one process, and those of each file once, however many processes of the tree share them.

    Not the kernel's own proportional share: whoever else runs the same programs would take part of it.
    """
    own, shared = 0, Counter[str]()
    for pid in tree(root):
        with suppress(OSError):
            mine, common = _pages((PROC / str(pid) / "smaps").read_text())
            own += mine
            shared |= common
    return own + shared.total()


def _pages(smaps: str) -> tuple[int, Counter[str]]:
    """Bytes that are this process's alone, and by file those that others have too (proc_pid_smaps(5))."""
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
    """The fields of `stat` behind the command, which may hold spaces and brackets: state, parent, …"""
    return _fields_of(PROC / str(pid))


def _fields_of(entry: Path) -> list[str]:
    return (entry / "stat").read_text().rpartition(")")[2].split()
