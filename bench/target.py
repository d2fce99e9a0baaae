"""Base class of every measured server: a name, how to start it, and where it stores uploads."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STARTS_WITHIN_SECONDS = 30.0
STOPS_WITHIN_SECONDS = 15.0


class StartFailed(Exception):
    """A server did not start; the message says which and why."""


@dataclass(slots=True)
class RunningServer:
    """A started server: the root of its process tree, and where uploads are made (with a slash at the end)."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path

    @property
    def pid(self) -> int:
        """Return the id of the root of its process tree."""
        return self.process.pid

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL to its process group, so that no child stays."""
        self.process.terminate()
        try:
            self.process.wait(STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Target(ABC):
    """A server as it is set up for the bench, and how the generator sends to it."""

    name: str
    dialect: str
    """How pieces are sent."""

    whole_dialect: str
    """How a file is sent in one request."""

    withhold = 0
    """Bytes of each upload that are sent only when the receiving was measured."""

    @abstractmethod
    def missing(self) -> str:
        """Return why it cannot be measured here; empty if it can."""

    @abstractmethod
    def version(self) -> str:
        """Return the version that is measured, for the table."""

    @abstractmethod
    def start(self, folder: Path) -> RunningServer:
        """Start it with its data in an empty folder. Raise StartFailed."""

    def received_files(self, folder: Path) -> dict[str, list[Path]]:
        """Return the files that arrived by a name, each as the paths of its pieces in order."""
        return {str(path): [path] for path in self.store(folder).rglob("*") if self.is_file(path)}

    def is_file(self, path: Path) -> bool:
        """Return whether a path in the store has bytes of an upload, and is no note of the server."""
        return path.is_file() and path.suffix not in {".info", ".json"}

    def store(self, folder: Path) -> Path:
        """Return the folder of files that have arrived."""
        return folder / "files"

    def clear(self, folder: Path) -> None:
        """Delete what arrived, so that every run begins with the same free space."""
        for path in self.store(folder).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def launch(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, with its log in its folder."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )


def free_port() -> int:
    """Return a port on which no process listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until_it_responds(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Return when a request gets a response. Raise StartFailed with the end of the log."""
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    log = (folder / "log").read_text(errors="replace")[-500:].strip()
    raise StartFailed(f"{process.args!r} does not answer: {log}")
