"""The processes of the service: what each is started with."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import structlog

from media_service.config.loading import InvalidSettings
from media_service.http.connections.shares import Share, Shares
from media_service.ipc.unix_socket import listen_privately
from media_service.server import finisher, receiver
from media_service.server.children import fork

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from media_service.config.settings import Settings
    from media_service.storage.data_folder import DataFolder

MAX_AUTOMATIC_WORKERS = 4

PYTHON_COMMAND = (sys.executable, "-I", "-m")
"""Run the sidecar's module in isolated mode, independent of the environment and the working directory."""

FIXED = ("host", "port", "data_dir")
"""Settings of what is opened once; they change with a restart only."""

log = structlog.get_logger()


class ServiceProcesses:
    """`server.supervisor.Processes`. `load` reads the settings; `lock` is held by every process of the tree."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        folder: DataFolder,
        *,
        listeners: Sequence[socket.socket],
        lock: int,
    ) -> None:
        self._settings = settings
        self._load = load
        self._folder = folder
        self._listeners = listeners
        self._lock = lock
        # Connections wait in the queue of this socket while the sidecar is restarted.
        self._sidecar_listener = listen_privately(folder.sidecar_socket)
        self._life, self._held_life = os.pipe()
        self._shares = Shares()
        self._share_of: dict[int, Share] = {}

    @property
    def receivers(self) -> int:
        """See `server.supervisor.Processes`."""
        workers = self._settings.workers
        return min(len(os.sched_getaffinity(0)), MAX_AUTOMATIC_WORKERS) if workers == "auto" else workers

    def start(self, role: str, ready: int) -> int:
        """See `server.supervisor.Processes`."""
        if role == "sidecar":
            return fork("media-sidecar", partial(self._become_sidecar, ready), outlives=True)
        if role == "finisher":
            return fork("media-finisher", partial(self._run_finisher, ready))
        share = self._shares.take()
        pid = fork("media-receiver", partial(self._run_receiver, share, ready))
        self._share_of[pid] = share
        return pid

    def note_end(self, pid: int) -> None:
        """See `server.supervisor.Processes`."""
        if share := self._share_of.pop(pid, None):
            share.free()

    def reload(self) -> bool:
        """See `server.supervisor.Processes`."""
        try:
            loaded = self._load()
        except InvalidSettings as error:
            log.error("reload refused", error=str(error))
            return False
        changed = [name for name in FIXED if getattr(loaded, name) != getattr(self._settings, name)]
        if changed:
            log.warning("settings that change with a restart only", names=changed)
        self._settings = loaded.model_copy(update={name: getattr(self._settings, name) for name in FIXED})
        return True

    def stop_listening(self) -> None:
        """See `server.supervisor.Processes`."""
        for listener in self._listeners:
            listener.close()

    def end_sidecar(self) -> None:
        """See `server.supervisor.Processes`."""
        if self._held_life >= 0:
            os.close(self._held_life)
            self._held_life = -1
            self._sidecar_listener.close()

    def _become_sidecar(self, ready: int) -> None:
        os.write(ready, b"\n")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, sys.stdin.fileno())
        os.dup2(null, sys.stdout.fileno())
        inherited = (self._sidecar_listener.fileno(), self._life)
        # The lock too: it may still commit for a killed service, and the next one must not read before.
        for descriptor in (*inherited, self._lock):
            os.set_inheritable(descriptor, True)
        arguments = [*PYTHON_COMMAND, "media_service.sidecar", *map(str, inherited), str(self._folder.catalogue)]
        os.execv(sys.executable, arguments)  # noqa: S606  # no shell: these arguments and no others

    def _run_receiver(self, share: Share, ready: int) -> None:
        receiver.run(self._settings, self.receivers, self._listeners, share, partial(_report_ready, ready))

    def _run_finisher(self, ready: int) -> None:
        self.stop_listening()
        finisher.run(self._settings, partial(_report_ready, ready))


def _report_ready(descriptor: int) -> None:
    os.write(descriptor, b"\n")
    os.close(descriptor)
