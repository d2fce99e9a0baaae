"""The sidecar: that of a server, found through /proc, and one of a test's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from media_service.ipc.unix_socket import listen_privately

if TYPE_CHECKING:
    from types import TracebackType

TIMEOUT_SECONDS = 30.0
"""Maximum seconds of its start and its exit."""

PROC = Path("/proc")


PROGRAM = """
import socket, sys
from pathlib import Path
from media_service import sidecar
sidecar.run(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), Path(sys.argv[3]))
"""


class Sidecar:
    """A sidecar that a test can kill and start again; `with` starts it, and waits for its end."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "socket"
        self.process: subprocess.Popen[bytes] | None = None
        self._catalogue = folder / "catalogue"
        self._listener = listen_privately(self.path)
        self._life, self._held_life = os.pipe()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        descriptors = (self._listener.fileno(), self._life)
        command = (sys.executable, "-c", PROGRAM, *map(str, descriptors), str(self._catalogue))
        self.process = subprocess.Popen(command, pass_fds=descriptors)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Let it end, and return its status."""
        os.close(self._held_life)
        self._held_life = -1
        assert self.process is not None
        return self.process.wait(TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._held_life >= 0:
                self.end()
        finally:
            self.kill()
            self._listener.close()
            os.close(self._life)


def sidecar_of(pid: int) -> int:
    """Return the pid of the sidecar of this supervisor, once it runs."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        for sidecar in named_children(pid, "media-sidecar"):
            return sidecar
        time.sleep(0.01)
    raise AssertionError("no sidecar runs")


def named_children(pid: int, name: str) -> list[int]:
    """Return the pids of the children of this process that have this name."""
    found = []
    for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split():
        with suppress(OSError):
            if (PROC / child / "comm").read_text().strip() == name:
                found.append(int(child))
    return found


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
