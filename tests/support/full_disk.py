"""A server with a small disk: a tmpfs in its own mount namespace. It needs user namespaces, not root."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import missing
from tests.support.databases import SqliteDatabase
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

FILL_ATTEMPTS = 20


class SmallDisk:
    """A server whose data folder is on a tmpfs of a few MiB, and a file that fills it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._seen = Path(f"/proc/{server.pid}/root{folder}")

    @property
    def spool(self) -> Path:
        """Return the spool in the server's namespace."""
        return self._seen / "data" / "spool" / "mp3"

    def fill(self, leave: int) -> None:
        """Fill the disk except for `leave` bytes. Retry, because the server may write at the same time."""
        with (self._seen / "filler").open("wb") as filler:
            for _ in range(FILL_ATTEMPTS):
                with suppress(OSError):
                    os.posix_fallocate(filler.fileno(), 0, self.room - leave)
                    return
        raise AssertionError(f"the disk could not be filled but for {leave} bytes: {self.room} are free")

    @property
    def room(self) -> int:
        """Return the free bytes."""
        room = os.statvfs(self._seen)
        return room.f_bavail * room.f_frsize

    def free(self) -> None:
        """Free the disk again."""
        (self._seen / "filler").unlink()


@contextmanager
def small_disk(folder: Path, size: int, **settings: Any) -> Iterator[SmallDisk]:
    """Yield a server on a disk of `size` bytes, with these settings."""
    namespace = ("unshare", "--map-root-user", "--mount")
    try:
        subprocess.run([*namespace, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("unshare with user namespaces")
    folder.mkdir()
    prepared = folder.with_name(f"{folder.name}-prepared")
    SqliteDatabase(prepared).prepare()
    copied = f'cp -r "{prepared}" "{folder}/data"'
    mounted = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && {copied} && exec "$@"'
    under = (*namespace, "sh", "-c", mounted, "sh")
    with Server(folder / "data", under=under, **{"disk_reserve": 0, "verdict_wait_slice": 0.2} | settings) as server:
        yield SmallDisk(server, folder)
