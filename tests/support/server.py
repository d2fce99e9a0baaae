"""The server as a process that can be stopped, killed and restarted on the same port."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.backend import Backend, Cluster, folder_backend
from tests.support.fork_server import Forked, ForkServer
from tests.support.memory import children
from tests.support.sidecar import named_children, sidecar_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

ROOT = Path(__file__).parents[2]
STDERR = 2
STARTS_WITHIN = 30.0
ENDS_WITHIN = 90.0
"""Seconds; at the end processes wait for each other in turn, each for its share of a busy machine."""

WARNINGS = {"PYTHONWARNINGS": "error,ignore:unread_data:DeprecationWarning"}
"""Warnings are errors, except that of a function that aiohttp's part reader and ours call."""


@cache
def fork_server() -> ForkServer:
    """Return the fork server of this process."""
    # An interpreter reads the filter of warnings when it starts.
    server = ForkServer(ROOT, os.environ | WARNINGS)
    atexit.register(server.close)
    return server


class Server:
    """`media-service serve` on a free port of 127.0.0.1; started by `with` or `start`.

    `settings`: the service's settings by name; `config`: a file of them. `under`: a command that runs it (strace,
    unshare, prlimit); without one, the service is `forked` (see `tests.support.fork_server`). An empty catalogue is
    copied, because migrating takes most of a first start. `log`: file for its standard error. `backend`: database and
    store; if None, those of `data`, or new ones of `cluster`.
    """

    cluster: Cluster | None = None
    """What all servers use that name no backend; `pytest --cluster` sets it."""

    def __init__(
        self,
        data: Path,
        *,
        under: Sequence[str] = (),
        log: Path | None = None,
        config: Path | None = None,
        backend: Backend | None = None,
        forked: bool = True,
        **settings: object,
    ) -> None:
        self.data = data
        if backend is None:
            backend = folder_backend(data) if self.cluster is None else self.cluster.new_backend()
        self.database, self.store = backend.database, backend.store
        self.log = log
        self.process: subprocess.Popen[str] | Forked | None = None
        self._under = under
        self._forked = forked and not under
        self._config = [] if config is None else ["--config", str(config)]
        # Measuring every file would slow down the tests, and so would waiting for requests that a test left open.
        # Tests that look into a process, or make it fail, need to know which one serves them.
        alone = {"workers": 1} if config is None else {}
        self._settings = {"measure_loudness": False, "shutdown_timeout": 1} | alone | backend.settings | settings
        self._port = 0
        self.token = ""

    @property
    def url(self) -> str:
        """Return the service's URL, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}{self._settings.get('base_path', '')}"

    @property
    def port(self) -> int:
        """Return the port, the same after every start."""
        return self._port

    @property
    def pid(self) -> int:
        """Return the pid of the supervisor."""
        assert self.process is not None
        return self.process.pid

    @property
    def sidecar(self) -> int:
        """Return the pid of the sidecar, once it runs."""
        return sidecar_of(self.pid)

    @property
    def receivers(self) -> list[int]:
        """Return the pids of the receivers."""
        return named_children(self.pid, "media-receiver")

    @property
    def receiver(self) -> int:
        """Return the pid of the only receiver."""
        (receiver,) = self.receivers
        return receiver

    @property
    def finisher(self) -> int:
        """Return the pid of the finisher."""
        (finisher,) = named_children(self.pid, "media-finisher")
        return finisher

    @property
    def working(self) -> list[int]:
        """Return the pids of the receivers, of the finisher, and of their tag workers."""
        return [pid for parent in (*self.receivers, self.finisher) for pid in (parent, *children(parent))]

    @property
    def spool(self) -> Path:
        """Return the folder of finished files."""
        return self.data / "spool" / "mp3"

    @property
    def partials(self) -> Path:
        """Return the folder of unfinished files."""
        return self.data / "partials"

    @property
    def quarantine(self) -> Path:
        """Return the folder of rejected files."""
        return self.data / "quarantine"

    def start(self) -> Self:
        """Start the process and return when it is ready."""
        self.database.prepare()
        settings = {f"MEDIA_SERVICE_{name.upper()}": str(value) for name, value in self._settings.items()}
        environment = os.environ | WARNINGS | self.store.environment() | settings
        arguments = ["serve", "--port", str(self._port), "--data-dir", str(self.data), *self._config]
        with ExitStack() as opened:
            log = STDERR if self.log is None else opened.enter_context(self.log.open("ab")).fileno()
            if self._forked:
                self.process = fork_server().start(arguments, environment, log)
            else:
                command = [*self._under, sys.executable, "-m", "media_service", *arguments]
                self.process = subprocess.Popen(
                    command, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=ROOT, text=True
                )
        greeting = self._read_greeting()
        match = re.search(r"admin +http://[0-9.]+:(\d+)", greeting)
        assert match, f"the server did not start: {greeting!r}"
        self._port = int(match[1])
        # Its data folder may be mounted in its own namespace.
        seen = Path(f"/proc/{self.pid}/root{self.data.resolve()}")
        self.token = (seen / "admin-token").read_text().strip()
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Stop the process with SIGTERM; return its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def restart(self) -> None:
        """Kill and start the process."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        return self if self._runs() else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runs():
            status = self.stop()
            if error is None:
                assert status == 0, f"the server ended with {status}"

    def _runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait(self) -> int:
        """Return the exit status of the process once it has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        status = self.process.wait(timeout=ENDS_WITHIN)
        self.process.stdout.close()
        return status

    def _read_greeting(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline() + self.process.stdout.readline()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server is not ready")
