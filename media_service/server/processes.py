"""The processes of the service: what each is started with."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import structlog

from media_service import sidecar
from media_service.adapters import sidecar_services
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

FIXED = (
    *("host", "port", "data_dir", "catalogue", "store"),
    *("s3_endpoint", "s3_region", "s3_addressing", "scratch_dir"),
)
"""Settings of what is opened once, or must be the same in every process; they change with a restart only."""

log = structlog.get_logger()


class ServiceProcesses:
    """`server.supervisor.Processes`. `load` reads the settings again."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        folder: DataFolder,
        listeners: Sequence[socket.socket],
    ) -> None:
        self._settings = settings
        self._load = load
        self._folder = folder
        self._listeners = listeners
        # Connections wait in the queue of this socket while the sidecar is restarted.
        self._sidecar_listener = listen_privately(folder.sidecar_socket) if self.has_sidecar else None
        self._life, self._held_life = os.pipe()
        self._shares = Shares()
        self._share_of: dict[int, Share] = {}

    @property
    def receivers(self) -> int:
        """See `server.supervisor.Processes`."""
        workers = self._settings.workers
        return min(len(os.sched_getaffinity(0)), MAX_AUTOMATIC_WORKERS) if workers == "auto" else workers

    @property
    def has_sidecar(self) -> bool:
        """See `server.supervisor.Processes`."""
        return bool(sidecar_services(self._settings))

    @property
    def recovers_first(self) -> bool:
        """See `server.supervisor.Processes`."""
        return not self._settings.is_on_nodes

    def start(self, role: str, ready: int) -> int:
        """See `server.supervisor.Processes`."""
        if role == "sidecar":
            return fork("media-sidecar", partial(self._run_sidecar, ready), outlives=True)
        if role == "recovery":
            return fork("media-recovery", self._run_recovery)
        if role == "finisher":
            return fork("media-finisher", partial(self._run_finisher, ready))
        share = self._shares.take()
        try:
            pid = fork("media-receiver", partial(self._run_receiver, share, ready))
        except OSError:
            share.free()
            raise
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
        self._close_life()
        if self._sidecar_listener is not None:
            self._sidecar_listener.close()

    def _close_life(self) -> None:
        if self._held_life >= 0:
            os.close(self._held_life)
            self._held_life = -1

    def _run_sidecar(self, ready: int) -> None:
        # The sidecar ends when every process has closed this end of the pipe; it must not hold one itself.
        self._close_life()
        self.stop_listening()
        _report_ready(ready)
        assert self._sidecar_listener is not None
        sidecar.run(self._sidecar_listener, self._life, None if self._settings.catalogue else self._folder.catalogue)

    def _run_receiver(self, share: Share, ready: int) -> None:
        receiver.run(self._settings, self.receivers, self._listeners, share, partial(_report_ready, ready))

    def _run_recovery(self) -> None:
        self.stop_listening()
        finisher.run_recovery(self._settings)

    def _run_finisher(self, ready: int) -> None:
        self.stop_listening()
        finisher.run(self._settings, partial(_report_ready, ready))


def _report_ready(descriptor: int) -> None:
    os.write(descriptor, b"\n")
    os.close(descriptor)
