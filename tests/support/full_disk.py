"""A server whose disk is soon full: a small tmpfs in a mount namespace of the server's own.

No root is needed where user namespaces exist.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import missing
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

FILL_ATTEMPTS = 20


class SmallDisk:
    """A server whose data folder is a tmpfs of a few MiB, and what else lies on that disk."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._seen = Path(f"/proc/{server.pid}/root{folder}")

    @property
    def spool(self) -> Path:
        """The spool as the server's namespace sees it."""
        return self._seen / "data" / "spool" / "mp3"

    def fill(self, leave: int) -> None:
        """Fill the disk but for `leave` bytes.

        The server writes meanwhile, so the free space may shrink between the question and the allocation.
        """
        with (self._seen / "filler").open("wb") as filler:
            for _ in range(FILL_ATTEMPTS):
                with suppress(OSError):
                    os.posix_fallocate(filler.fileno(), 0, self.room - leave)
                    return
        raise AssertionError(f"the disk could not be filled but for {leave} bytes: {self.room} are free")

    @property
    def room(self) -> int:
        """Bytes that are free."""
        room = os.statvfs(self._seen)
        return room.f_bavail * room.f_frsize

    def free(self) -> None:
        """Other people clean up."""
        (self._seen / "filler").unlink()


@contextmanager
def small_disk(folder: Path, size: int, **settings: Any) -> Iterator[SmallDisk]:
    """A server on a disk of so many bytes, with these settings."""
    namespace = ("unshare", "--map-root-user", "--mount")
    try:
        subprocess.run([*namespace, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("unshare with user namespaces")
    folder.mkdir()
    mounted = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && exec "$@"'
    under = (*namespace, "sh", "-c", mounted, "sh")
    with Server(folder / "data", under=under, **{"disk_reserve": 0, "verdict_wait_slice": 0.2} | settings) as server:
        yield SmallDisk(server, folder)
