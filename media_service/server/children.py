"""Child processes of the supervisor, forked so that they share its loaded modules."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""Signals that the supervisor handles."""

_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(eq=False)
class Child:
    """A running process. `slot` numbers the receivers; `ready` is a pipe, until the process has written to it."""

    role: str
    slot: int
    pid: int
    started: float
    ready: int | None
    retiring: bool = False
    was_ready: bool = field(default=False, init=False)

    def note_ready(self) -> bool:
        """Read the pipe: return whether the process got ready, False if it ended before."""
        assert self.ready is not None
        self.was_ready = bool(os.read(self.ready, 1))
        self.close()
        return self.was_ready

    def close(self) -> None:
        """Close the pipe."""
        if self.ready is not None:
            os.close(self.ready)
            self.ready = None

    def send(self, number: int) -> None:
        """Send a signal; a process that has just ended needs none."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


def fork(name: str, run: Callable[[], None], *, outlives: bool = False) -> int:
    """Return the pid of a new process that runs `run` and exits: with 0, or 1 after an exception.

    Call it in the main thread while no other thread runs. The process is killed when this one dies, unless it
    `outlives` it. It has a process group, so that Ctrl-C in a terminal does not reach it, but no session of its own:
    with autogroups (sched(7)) the kernel compares `nice` values within a session only.
    """
    parent = os.getpid()
    # Until the child has its own handlers, a signal to it would be noted as one to this process.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        if pid := os.fork():
            return pid
        _run_and_exit(name, run, parent, outlives=outlives)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def _run_and_exit(name: str, run: Callable[[], None], parent: int, *, outlives: bool) -> NoReturn:
    status = 1
    try:
        _prepare(name, parent, outlives=outlives)
        run()
        status = 0
    except SystemExit as end:
        print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        exit_at_once(status)


def exit_at_once(status: int) -> NoReturn:
    """Write out what was printed, and exit. Not as `sys.exit`, which would run the exit handlers of the parent."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _prepare(name: str, parent: int, *, outlives: bool) -> None:
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgid(0, 0)
    if not outlives:
        _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            # The parent died before the call above, so no signal will come.
            os._exit(1)
    Path("/proc/self/comm").write_text(name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
