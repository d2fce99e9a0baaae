"""A server program that can be killed and started again on the same port."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.memory import children

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

TIMEOUT_SECONDS = 60.0
"""Maximum seconds of a start and of an exit."""

PORTS = range(15_000, 30_000)
"""Below those that the kernel gives to outgoing connections (32768-60999). One of these could be taken by any
connection while its server is down, and the server could not be started again on it."""

_spawner = ThreadPoolExecutor(1)
"""The thread that starts the programs: the kernel sends the signal of a dead parent when its *thread* ends, and tests
start servers again from threads that end early."""


class ServerProcess:
    """One server program with a folder of its own, which the end of `with` removes. Subclasses know which program.

    `with` or `start` starts it, and it dies with the process that did.
    """

    name = ""
    """What the log and messages call it."""

    death_signal = "KILL"
    """What the kernel sends to it when the process that started it is gone."""

    def __init__(self) -> None:
        # Not below the folder of pytest, which no other user may enter: PostgreSQL's is one.
        self.folder = Path(tempfile.mkdtemp(prefix=f"media-service-{self.name}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._user: str | None = None

    @property
    def log(self) -> Path:
        """Return the file that has what it printed."""
        return self.folder / f"{self.name}.log"

    @staticmethod
    def require() -> None:
        """Skip the test if the program is not on this machine."""
        raise NotImplementedError

    def command(self) -> Sequence[str | Path]:
        """Return the command line."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return the variables that it needs."""
        return {}

    def is_ready(self) -> bool:
        """Return whether it serves clients."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start it and return when it is ready; raise `AssertionError` with its log if it ends before."""
        command = list(self.command())
        self._clear()
        self.process = _spawner.submit(self._spawn, command).result()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not self.is_ready():
            ended, late = self.process.poll() is not None, time.monotonic() > deadline
            if ended or late:
                self.kill()
                raise AssertionError(f"{self.name} did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.01)
        return self

    def _spawn(self, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        user = () if self._user is None else (f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups")
        with self.log.open("ab") as log:
            return subprocess.Popen(
                # `setpriv` and not `preexec_fn`, which can deadlock beside other threads.
                ["setpriv", f"--pdeathsig={self.death_signal}", *user, "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | self.environment(),
                start_new_session=True,
            )

    def _clear(self) -> None:
        """Remove what a killed one left that would look like readiness."""

    def stop(self) -> None:
        """End it in order, and return when it has ended."""
        assert self.process is not None
        self._end()
        try:
            self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def _end(self) -> None:
        assert self.process is not None
        self.process.terminate()

    def kill(self) -> None:
        """Kill it and its child processes by SIGKILL, and return when it has ended."""
        assert self.process is not None
        with suppress(ProcessLookupError, FileNotFoundError):
            for pid in (*children(self.process.pid), self.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_SECONDS)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._runs():
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _runs(self) -> bool:
        return self.process is not None and self.process.poll() is None


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens, out of `PORTS`."""
    dice = random.SystemRandom()
    while True:
        port = dice.choice(PORTS)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
