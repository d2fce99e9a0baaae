"""Client of the sync server in the sidecar."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from media_service.storage.slice_digest import InlineDigest, SidecarDigest
from media_service.storage.sync.group_sync import GroupSync

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.ipc.client import RpcClient
    from media_service.storage.slice_digest import SliceDigest

READ_BACK_MIN_BYTES = 2 * 1024 * 1024
"""Smallest slice whose digest the sidecar computes from the file: slices of 1 MiB arrived 22 % faster, for 14 % more
processor time, as the bytes are copied twice but not hashed on the event loop."""


class SyncClient:
    """Request syncs and digests, and report which partials are open."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc
        # With one processor there is nothing to gain.
        self._read_back_min = READ_BACK_MIN_BYTES if len(os.sched_getaffinity(0)) > 1 else None

    def open(self, path: Path) -> None:
        """Report that the file was opened, before the first write to it."""
        self._rpc.notify(("open", os.fsencode(path)))

    def close(self, path: Path) -> None:
        """Report that the file was closed."""
        self._rpc.notify(("close", os.fsencode(path)))

    def sync(self, path: Path) -> GroupSync:
        """Return the group sync of a file's bytes."""
        return GroupSync(partial(self._rpc.call, ("sync", os.fsencode(path))))

    def sync_folder(self, folder: Path) -> GroupSync:
        """Return the group sync of the names in a folder."""
        return GroupSync(partial(self._rpc.call, ("sync_folder", os.fsencode(folder))))

    def digest(self, path: Path, start: int, expected: int | None) -> SliceDigest:
        """Return the digest of a slice that will be written at `start`, of `expected` bytes at most if known."""
        if self._read_back_min is None or expected is None or expected < self._read_back_min:
            return InlineDigest()
        return SidecarDigest(self._rpc, os.fsencode(path), start)
