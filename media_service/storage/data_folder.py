"""The data folder: its paths, its lock, and the admin token."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.storage.os_errors import map_os_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOCK_TIMEOUT_SECONDS = 3.0
"""Seconds to wait until the sidecar of a killed server has committed and released the lock."""

LOCK_RETRY_SECONDS = 0.05


class DataFolderLocked(Exception):
    """Another server uses this data folder."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one folder, which must be one local file system, because files move by hard link and rename."""

    root: Path

    @property
    def catalogue(self) -> Path:
        """Return the path of the database."""
        return self.root / "catalogue.sqlite3"

    @property
    def partials(self) -> Path:
        """Return the folder of unfinished files."""
        return self.root / "partials"

    @property
    def spool(self) -> Path:
        """Return the folder of the spool; finished files are in its `mp3/`."""
        return self.root / "spool"

    @property
    def quarantine(self) -> Path:
        """Return the folder of rejected files."""
        return self.root / "quarantine"

    @property
    def locks(self) -> Path:
        """Return the path of the file of named locks between processes."""
        return self.root / "locks"

    @property
    def sidecar_socket(self) -> Path:
        """Return the path of the Unix socket on which the sidecar listens."""
        return self.root / "sidecar.socket"

    @property
    def token_file(self) -> Path:
        """Return the path of the file with the admin token."""
        return self.root / "admin-token"

    def make(self) -> None:
        """Create the folder, accessible to this user only. Raise OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lock(self) -> int:
        """Lock the folder until the returned descriptor is closed, also in every process that inherited it.

        Two services would write the same bytes. Wait for the processes of a killed one, whose sidecar still commits.
        Raise DataFolderLocked.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(int(LOCK_TIMEOUT_SECONDS / LOCK_RETRY_SECONDS)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOCK_RETRY_SECONDS)
            else:
                return descriptor
        os.close(descriptor)
        raise DataFolderLocked(f"another server uses {self.root}")

    def admin_token(self) -> str:
        """Return the admin token; the first call creates its file, readable by this user only. Raise OSError."""
        return _written_once(self.token_file, lambda: secrets.token_urlsafe(24))

    def save_admin_token(self, token: str) -> None:
        """Write another token into its file. Raise OSError."""
        new = self.token_file.with_suffix(".new")
        new.unlink(missing_ok=True)
        _written_once(new, lambda: token)
        new.replace(self.token_file)

    def identity(self) -> str:
        """Return the random name of this folder, which it keeps when it is moved. Raise OSError."""
        return _written_once(self.root / "id", lambda: secrets.token_urlsafe(12))


def _written_once(path: Path, make: Callable[[], str]) -> str:
    """Return the line in a file that only this user can read; the first call writes what `make` returns."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        if line := path.read_text().strip():
            return line
        # The file was created, but a crash or a full disk prevented the write.
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "w") as file:
        line = make()
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


async def make_private_folder(folder: Path) -> None:
    """Create a folder that only this user can access, unless it exists. Raise StorageFull, StorageError."""
    with map_os_errors():
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
