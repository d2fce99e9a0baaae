"""The data folder: its places, its lock, and the admin token that the first start makes."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 3.0
"""Seconds for which the folder's last server may still be ending."""

LOOK = 0.05
"""Seconds between two tries."""


class DataFolderLocked(Exception):
    """Another server works in this data folder."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything lies, below one folder on one local file system."""

    root: Path

    @property
    def catalogue(self) -> Path:
        """The database."""
        return self.root / "catalogue.sqlite3"

    @property
    def partials(self) -> Path:
        """Unfinished files."""
        return self.root / "partials"

    @property
    def spool(self) -> Path:
        """Finished files, in its `mp3/`."""
        return self.root / "spool"

    @property
    def quarantine(self) -> Path:
        """Rejected files."""
        return self.root / "quarantine"

    @property
    def token_file(self) -> Path:
        """The file with the admin token."""
        return self.root / "admin-token"

    def make(self) -> None:
        """Makes the folder, for this service's user alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def lock(self) -> int:
        """Takes the folder for this process, until the descriptor it returns is closed. Raises DataFolderLocked.

        Two servers would each keep their own account of who writes where. One that was killed keeps the folder until
        its process aside has done what it was asked: that is waited for.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(int(PATIENCE / LOOK)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(LOOK)
            else:
                return descriptor
        os.close(descriptor)
        raise DataFolderLocked(f"another server works in {self.root}")

    def admin_token(self) -> str:
        """The token that opens the admin; made at the first start, readable by this service's user alone."""
        path = self.token_file
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            if token := path.read_text().strip():
                return token
            # A crash or a full disk came between the file's making and its writing.
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "w") as file:
            token = secrets.token_urlsafe(24)
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        return token
