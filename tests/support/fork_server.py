"""Start `media-service` by forking a process that has already imported it.

The tests start it some hundred times, which takes 0.2 seconds of processor time instead of 1.7. The supervisor forks
its processes in the same way. What only a new interpreter has, such as its command line, needs `Server(forked=False)`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, cast

from media_service.server.children import exit_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MAX_MESSAGE_BYTES = 128 * 1024
"""Maximum of a command line with its environment; the kernel's buffer has 208 KiB."""


class Forked:
    """A forked `media-service`, with as much of the interface of `subprocess.Popen` as `Server` uses."""

    def __init__(self, statuses: socket.socket, stdout: int) -> None:
        self._statuses = statuses
        self.pid = int(statuses.recv(32))
        self.returncode: int | None = None
        self.stdout = os.fdopen(stdout)

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self.returncode if self.returncode is not None else self._status(0)

    def wait(self, timeout: float) -> int:
        """Return the exit status; raise TimeoutError if it runs for longer than so many seconds."""
        status = self.returncode if self.returncode is not None else self._status(timeout)
        if status is None:
            raise TimeoutError(f"process {self.pid} still runs")
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _status(self, timeout: float) -> int | None:
        if select.select([self._statuses], [], [], timeout)[0]:
            self.returncode = int(self._statuses.recv(32))
            self._statuses.close()
        return self.returncode


class ForkServer:
    """The process that forks, in this folder and with this environment. It ends with this one."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
            )

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], stderr: int) -> Forked:
        """Start `media-service` with these arguments; `stderr` is a descriptor."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        try:
            message = json.dumps([arguments, dict(environment)]).encode()
            socket.send_fds(self._control, [message], [theirs.fileno(), writing, stderr])
        finally:
            theirs.close()
            os.close(writing)
        return Forked(ours, reading)

    def close(self) -> None:
        """End the process that forks."""
        self._control.close()
        self._process.wait()


def serve_forks(control: socket.socket, load: Callable[[Mapping[str, str]], None]) -> list[str]:
    """Fork for each message; return in each fork, with the command line that it shall run. Exit at the end.

    `load` is called before each fork, with the environment of the service.
    """
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C ends the tests, which end this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    while True:
        ready = select.select([control, woken], [], [])[0]
        if woken in ready:
            woken.recv(4096)
            _report_ends(running)
        if control not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 3)
        if not message:
            break
        arguments, environment = cast("tuple[list[str], dict[str, str]]", json.loads(message))
        load(environment)
        pid = os.fork()
        if pid == 0:
            break
        running[pid] = socket.socket(fileno=descriptors[0])
        running[pid].send(str(pid).encode())
        for descriptor in descriptors[1:]:
            os.close(descriptor)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for end in (control, woken, wake, *running.values()):
        end.close()
    if not message:
        sys.exit()
    _become(environment, descriptors)
    return arguments


def _become(environment: Mapping[str, str], descriptors: Sequence[int]) -> None:
    """Take over standard output, standard error and the environment."""
    for number, descriptor in enumerate(descriptors[1:], 1):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)


def _report_ends(running: dict[int, socket.socket]) -> None:
    """Send the exit status of each fork that has ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        # Its test may have ended without waiting for it.
        with running.pop(pid) as statuses, suppress(OSError):
            statuses.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run_and_exit(command: Callable[[], object]) -> NoReturn:
    """Run the command line. Exit at once: to free all objects would copy their pages, which takes 70 ms."""
    status = 1
    try:
        command()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        exit_at_once(status)


if __name__ == "__main__":
    from typer.main import get_command

    from media_service.cli import cli
    from tests.support.loading import load, load_defaults

    load_defaults()
    command = get_command(cli)
    sys.argv[1:] = serve_forks(socket.socket(fileno=int(sys.argv[1])), load)
    _run_and_exit(command)
