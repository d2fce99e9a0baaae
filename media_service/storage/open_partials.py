"""The partials that this process has open: one descriptor for all writers of an upload, and some without a writer."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.storage.block_writer import BlockWriter
from media_service.storage.open_partial import OpenPartial
from media_service.storage.os_errors import map_os_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from media_service.storage.sync.client import SyncClient

MAX_IDLE = 64
"""Most recently used partials that stay open without a writer: opening a file costs as much as writing a slice."""

IDLE_CHECK_SECONDS = 5.0
"""Interval at which idle partials that another process has deleted are closed: until then they use disk space."""

MAX_DURABLE_NAMES = 4096
"""Closed partials whose name is known to be durable; each of the others is synced once more."""


class OpenPartials:
    """Opens, shares and closes partials. `path_of` returns the path of an upload's, all of which are in `folder`."""

    def __init__(
        self, path_of: Callable[[str], Path], sync_client: SyncClient, folder: Path, executor: ThreadPoolExecutor
    ) -> None:
        self.path_of = path_of
        self._sync_client = sync_client
        self._folder_sync = sync_client.sync_folder(folder)
        self._executor = executor
        self._writer = BlockWriter(executor)
        self._in_use: dict[str, OpenPartial] = {}
        self._idle: OrderedDict[str, OpenPartial] = OrderedDict()
        self._idle_check: asyncio.TimerHandle | None = None
        # The latest is last. After a restart they are unknown: the process may have crashed before the sync.
        self._durable_names: dict[str, None] = {}

    def acquire(self, upload_id: str) -> OpenPartial | None:
        """Return the upload's partial, None if there is none. Call `release` once for each."""
        partial = self._in_use.get(upload_id)
        if partial is None:
            with map_os_errors():
                partial = self._reuse_idle(upload_id) or self._open(upload_id)
            if partial is None:
                return None
            self._in_use[upload_id] = partial
        partial.users += 1
        return partial

    def release(self, partial: OpenPartial) -> None:
        """Release what `acquire` returned; the last release makes the partial idle."""
        partial.users -= 1
        if partial.users:
            return
        del self._in_use[partial.upload_id]
        if partial.epoch:
            self._close(partial)
            return
        self._idle[partial.upload_id] = partial
        if len(self._idle) > MAX_IDLE:
            self._close(self._idle.popitem(last=False)[1])
        if self._idle_check is None:
            self._check_idle_later()

    def forget(self, upload_id: str) -> None:
        """Close the upload's idle partial, which is or will be deleted."""
        partial = self._idle.pop(upload_id, None)
        if partial is not None:
            self._close(partial)
        self._durable_names.pop(upload_id, None)

    async def sync_name(self, upload_id: str) -> None:
        """Make the partial's name durable. Raise StorageFull, StorageError."""
        await self._folder_sync.wait()
        self._note_durable_name(upload_id)

    def close_idle(self) -> None:
        """Close every partial without a writer."""
        while self._idle:
            self._close(self._idle.popitem()[1])
        if self._idle_check is not None:
            self._idle_check.cancel()
            self._idle_check = None

    def _reuse_idle(self, upload_id: str) -> OpenPartial | None:
        partial = self._idle.get(upload_id)
        if partial is None:
            return None
        if not partial.is_current():
            self.forget(upload_id)
            return None
        del self._idle[upload_id]
        return partial

    def _open(self, upload_id: str) -> OpenPartial | None:
        path = self.path_of(upload_id)
        try:
            # On the event loop: this does not wait for data, and during a hop to a thread another writer would open a
            # second descriptor.
            descriptor = open_for_writing(path)
        except FileNotFoundError:
            return None
        self._sync_client.open(path)
        return OpenPartial(
            upload_id,
            path,
            descriptor,
            writer=self._writer,
            executor=self._executor,
            sync_client=self._sync_client,
            folder_sync=None if upload_id in self._durable_names else self._folder_sync,
        )

    def _close(self, partial: OpenPartial) -> None:
        os.close(partial.descriptor)
        self._sync_client.close(partial.path)
        if partial.name_is_durable:
            self._note_durable_name(partial.upload_id)

    def _note_durable_name(self, upload_id: str) -> None:
        self._durable_names[upload_id] = None
        if len(self._durable_names) > MAX_DURABLE_NAMES:
            del self._durable_names[next(iter(self._durable_names))]

    def _check_idle_later(self) -> None:
        self._idle_check = asyncio.get_running_loop().call_later(IDLE_CHECK_SECONDS, self._check_idle)

    def _check_idle(self) -> None:
        self._idle_check = None
        for upload_id, partial in list(self._idle.items()):
            with suppress(OSError):
                if not partial.is_current():
                    self.forget(upload_id)
        if self._idle:
            self._check_idle_later()


def open_for_writing(path: Path) -> int:
    """Return a descriptor of an existing file. Raise OSError, also for a symbolic link."""
    return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
