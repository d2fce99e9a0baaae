"""The supervisor: it starts and restarts the processes of the service, and forwards signals. It handles no request.

- A process that dies is restarted: at once if it had been ready, though at most once a second; otherwise after 1, 2, 4,
  … 30 seconds. A receiver that fails before one was ever ready ends the service, since it could not start.
- SIGTERM and SIGINT: receivers stop accepting and end their requests, then the finisher ends, then the sidecar. A
  second signal kills receivers and finisher.
- First the sidecar starts, then what a crash left is cleaned up ("recovery"), then the others start. Without a folder
  of files there is no sidecar, and where other nodes may work at the same time it is the finisher that cleans up.
- SIGHUP: a new receiver for each one, started one after the other; when it accepts, the old one ends its requests.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

import structlog

from media_service.server.children import HANDLED, Child
from media_service.server.signals import arrived_signals, signal_pipe

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_INTERVAL_SECONDS = 1.0
"""Seconds between two starts of the same process: one that fails at once must not use a whole processor."""

MAX_INTERVAL_SECONDS = 30.0

STDERR = 2

STOPPED_IN_ORDER = ("recovery", "receiver", "finisher", "sidecar")
"""Requests wait for verdicts of the finisher, and both commit through the sidecar."""

log = structlog.get_logger()


class Processes(Protocol):
    """Starts the processes, of which each writes to the descriptor `ready` once it is ready."""

    @property
    def receivers(self) -> int:
        """Return how many receivers should run."""

    @property
    def has_sidecar(self) -> bool:
        """Return whether a sidecar is needed."""

    @property
    def recovers_first(self) -> bool:
        """Return whether what a crash left is cleaned up before anything else runs."""

    def start(self, role: str, ready: int) -> int:
        """Start a process of this role; return its pid."""

    def note_end(self, pid: int) -> None:
        """Note that this process has ended."""

    def reload(self) -> bool:
        """Load the settings for the processes that are started from now on; return False if they are unusable."""

    def stop_listening(self) -> None:
        """Close the listening sockets of this process."""

    def end_sidecar(self) -> None:
        """Let the sidecar exit once all of its connections are closed."""


class Supervisor:
    """Run the processes until a signal."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._children: dict[int, Child] = {}
        self._restarts: dict[tuple[str, int], float] = {}
        self._failures: dict[tuple[str, int], int] = {}
        self._to_replace: deque[int] = deque()
        self._replacement: Child | None = None
        self._on_terminal = os.isatty(STDERR)
        self._booted = False
        self._stopping = 0
        self._status = 0

    def run(self) -> int:
        """Start everything, and return the exit status after the end of the last process."""
        with signal_pipe(HANDLED) as signals:
            if self._processes.has_sidecar:
                self._start("sidecar")
            if self._processes.recovers_first:
                self._start("recovery")
            else:
                self._start_service()
            while self._children or self._restarts:
                self._wait(signals)
                self._start_what_is_due()
        return self._status

    def _start_service(self) -> None:
        """Start the processes that work on uploads, which must not run while an earlier run is cleaned up after."""
        for slot in range(self._processes.receivers):
            self._start("receiver", slot)
        self._start("finisher")

    def _wait(self, signals: int) -> None:
        """Wait for a signal, a process that gets ready, or the time of a restart, and act on it."""
        waiting = {child.ready: child for child in self._children.values() if child.ready is not None}
        due = min(self._restarts.values(), default=None)
        timeout = None if due is None else max(0.0, due - time.monotonic())
        poll = select.poll()
        for descriptor in (signals, *waiting):
            poll.register(descriptor, select.POLLIN)
        readable = [descriptor for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000)]
        for descriptor in readable:
            if descriptor != signals and waiting[descriptor].note_ready():
                self._note_ready(waiting[descriptor])
        for number in arrived_signals(signals) if signals in readable else ():
            self._handle(number)

    def _handle(self, number: signal.Signals) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGHUP and not self._lost_terminal():
            self._reload()
        else:
            self._stop()

    def _start(self, role: str, slot: int = 0) -> Child:
        reader, writer = os.pipe()
        try:
            pid = self._processes.start(role, writer)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        child = self._children[pid] = Child(role, slot, pid, time.monotonic(), reader)
        return child

    def _try_to_start(self, role: str, slot: int) -> Child | None:
        """Start a process, if the machine has room for one: the others go on without it."""
        try:
            return self._start(role, slot)
        except OSError as error:
            log.error("process not started", process=role, error=str(error))
            return None

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for (role, slot), due in list(self._restarts.items()):
            if due <= now:
                del self._restarts[role, slot]
                # A reload may have started it already.
                if not self._running(role, slot) and not self._try_to_start(role, slot):
                    self._restarts[role, slot] = now + MIN_INTERVAL_SECONDS

    def _note_ready(self, child: Child) -> None:
        self._failures.pop((child.role, child.slot), None)
        if child.role == "receiver":
            self._booted = True
            # Not a younger one: it replaces this one as soon as it is ready too.
            older = [other for other in self._running("receiver", child.slot) if other.started < child.started]
            self._retire(older)
        if child is self._replacement:
            self._replacement = None
            self._replace_next()

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if child := self._children.pop(pid, None):
                child.close()
                self._processes.note_end(pid)
                self._note_end(child, os.waitstatus_to_exitcode(status))

    def _note_end(self, child: Child, status: int) -> None:
        if child is self._replacement:
            self._replacement = None
            self._to_replace.clear()
            log.error("reload failed: the new process ended", process=child.role, status=status)
        elif child.role in STOPPED_IN_ORDER[: self._stopping]:
            self._continue_stop()
        elif child.role == "recovery" and status == 0:
            self._start_service()
        elif child.retiring:
            if child.role == "finisher":
                self._restarts[child.role, child.slot] = 0.0
        elif child.role == "recovery" or (child.role == "receiver" and not self._booted):
            self._status = 1
            self._stop()
        else:
            log.error("process died", process=child.role, pid=child.pid, status=status)
            self._restart(child)

    def _restart(self, child: Child) -> None:
        key = child.role, child.slot
        failures = 0 if child.was_ready else self._failures.get(key, 0) + 1
        self._failures[key] = failures
        interval = min(MIN_INTERVAL_SECONDS * 2 ** max(0, failures - 1), MAX_INTERVAL_SECONDS)
        self._restarts[key] = child.started + interval

    def _lost_terminal(self) -> bool:
        """Return whether the terminal that it was started in was closed, which sends SIGHUP too."""
        return self._on_terminal and not os.isatty(STDERR)

    def _stop(self) -> None:
        """Begin to stop; at the second call end at once."""
        if not self._stopping:
            self._processes.stop_listening()
            self._stop_next_role()
        else:
            self._status = 1
            self._stopping = len(STOPPED_IN_ORDER)
            self._restarts.clear()
            for child in self._children.values():
                if child.role != "sidecar":
                    child.send(signal.SIGKILL)
            self._processes.end_sidecar()

    def _stop_next_role(self) -> None:
        """Stop the processes of the next role that has any."""
        role = STOPPED_IN_ORDER[self._stopping]
        self._stopping += 1
        for key in [key for key in self._restarts if key[0] == role]:
            del self._restarts[key]
        if role == "sidecar":
            self._processes.end_sidecar()
        for child in self._children.values():
            if child.role == role != "sidecar":
                child.send(signal.SIGTERM)
        self._continue_stop()

    def _continue_stop(self) -> None:
        """Stop the next role once the processes of the last one have ended."""
        stopped = STOPPED_IN_ORDER[: self._stopping]
        running = any(child.role in stopped for child in self._children.values())
        if not running and self._stopping < len(STOPPED_IN_ORDER):
            self._stop_next_role()

    def _reload(self) -> None:
        if self._stopping or not self._processes.reload():
            return
        log.info("reloading")
        self._to_replace = deque(range(self._processes.receivers))
        for child in self._children.values():
            if child.role == "finisher":
                # The next one is started when it has ended: finished files wait a moment, which no client notices.
                child.retiring = True
                child.send(signal.SIGTERM)
        self._replace_next()

    def _replace_next(self) -> None:
        if self._replacement is None and self._to_replace:
            self._replacement = self._try_to_start("receiver", self._to_replace.popleft())
            if self._replacement is None:
                self._to_replace.clear()
        elif not self._to_replace:
            self._retire(child for child in self._running("receiver") if child.slot >= self._processes.receivers)

    def _running(self, role: str, slot: int | None = None) -> list[Child]:
        running = [child for child in self._children.values() if child.role == role and not child.retiring]
        return [child for child in running if slot in (None, child.slot)]

    def _retire(self, children: Iterable[Child]) -> None:
        for child in children:
            child.retiring = True
            child.send(signal.SIGHUP)
