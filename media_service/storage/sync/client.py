"""The end that asks: what partials wait for, asked of the process aside, where `flushing.py` answers."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from media_service.storage.slice_digest import InlineDigest, SidecarDigest
from media_service.storage.sync.group_sync import GroupSync

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.ports.partials import SliceDigest
    from media_service.ipc.client import RpcClient

ASIDE = 2 * 1024 * 1024
"""Bytes from which on a slice is read back aside. It takes the hashing from the loop, and costs a second copy of the
bytes: slices of 1 MiB came 22 % faster by it, but for 14 % more of the processors."""


class SyncClient:
    """Asks for syncs and digests of files that are open here, and says which are."""

    def __init__(self, line: RpcClient) -> None:
        self._line = line
        # Beside one processor only there is nobody to hand the work to.
        self._least = ASIDE if len(os.sched_getaffinity(0)) > 1 else None

    def hold(self, path: Path) -> None:
        """The file was opened, and nothing is written to it yet."""
        self._line.tell(("hold", os.fsencode(path)))

    def let_go(self, path: Path) -> None:
        """The file was closed."""
        self._line.tell(("let_go", os.fsencode(path)))

    def sync(self, path: Path) -> GroupSync:
        """The syncs of a file's bytes."""
        return GroupSync(partial(self._line.ask, ("sync", os.fsencode(path))))

    def sync_folder(self, folder: Path) -> GroupSync:
        """The syncs of the names in a folder."""
        return GroupSync(partial(self._line.ask, ("sync_folder", os.fsencode(folder))))

    def digest(self, path: Path, start: int, expected: int | None) -> SliceDigest:
        """The digest of a slice of this file, which is expected to have so many bytes at most."""
        if self._least is None or expected is None or expected < self._least:
            return InlineDigest()
        return SidecarDigest(self._line, os.fsencode(path), start)
