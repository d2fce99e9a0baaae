"""The spool: where finished files wait for their readers, each whole from the moment its name is seen.

A file is put together in `.incoming/` on the same file system, synced, and then linked to its final name, which fails
where that name is taken. The link in `.incoming/` stays until the catalogue knows the file: after a crash it tells, by
its second name, that the file was delivered already.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import aiofiles.os

from media_service.core.ports import Assembled, TagPlan
from media_service.storage.border import disk_errors, make_folder, sync_directory
from media_service.storage.copying import COPY, copy
from media_service.storage.names import disk_names

if TYPE_CHECKING:
    from pathlib import Path


class DiskSpool:
    """`core.ports.Spool` in one folder; finished files lie in its `mp3/`."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / ".incoming"
        self._finished = folder / "mp3"

    async def prepare(self) -> None:
        """Makes the folders."""
        await make_folder(self._incoming)
        await make_folder(self._finished)

    async def assemble(self, upload_id: str, source: Path, plan: TagPlan, length: int) -> Assembled:
        """Makes the tagged file beside the spool, whole and durable, from the source's first `length` bytes.

        Asked again for the same upload before `settle`, it starts anew, unless the file was published already.
        Raises StorageFull, and FileNotFoundError when the source is missing.
        """
        with disk_errors():
            return await asyncio.to_thread(self._assemble, self._incoming / upload_id, source, plan, length)

    def names(self, filename: str, first: int, count: int) -> list[str]:
        """Names for a file called `filename`, from its `first` copy on: the second gets ` (2)`."""
        return disk_names(filename, range(first, first + count))

    async def publish(self, upload_id: str, name: str) -> bool:
        """Gives the assembled file this name in the spool, durably; False, and nothing done, when it is taken."""
        with disk_errors():
            try:
                await aiofiles.os.link(self._incoming / upload_id, self.path(name))
            except FileExistsError:
                return False
            await asyncio.to_thread(sync_directory, self._finished)
            return True

    async def settle(self, upload_id: str) -> None:
        """Forgets how `upload_id` was placed, once the catalogue has it."""
        with disk_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self._incoming / upload_id)

    async def unsettled(self) -> list[str]:
        """The uploads that were being placed."""
        with disk_errors():
            return await aiofiles.os.listdir(self._incoming)

    def path(self, stored_name: str) -> Path:
        """Where a finished file lies."""
        return self._finished / stored_name

    def _assemble(self, incoming: Path, source: Path, plan: TagPlan, length: int) -> Assembled:
        name = self._delivered_name(incoming)
        if name is None:
            incoming.unlink(missing_ok=True)
            try:
                _join(incoming, source, plan, length)
            except BaseException:
                # Half a file would keep a full disk full for every other upload.
                incoming.unlink(missing_ok=True)
                raise
            # Without its name here, a crash after `publish` would deliver the file a second time.
            sync_directory(self._incoming)
        else:
            # A crash may have come between the link and the directory's sync.
            sync_directory(self._finished)
        return Assembled(incoming.stat().st_size, _sha256(incoming), name)

    def _delivered_name(self, incoming: Path) -> str | None:
        """The name that a former run linked the file to before it could say so."""
        try:
            mine = incoming.stat()
        except FileNotFoundError:
            return None
        if mine.st_nlink > 1:
            with os.scandir(self._finished) as entries:
                for entry in entries:
                    if entry.inode() == mine.st_ino:
                        return entry.name
        return None


def _join(target: Path, source: Path, plan: TagPlan, length: int) -> None:
    """A new, synced file: the plan's head, then the source's bytes from the plan's cut up to `length`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with source.open("rb") as reader, os.fdopen(os.open(target, flags, 0o600), "wb") as writer:
        writer.write(plan.head)
        writer.flush()
        at = plan.cut
        while at < length:
            at += copy(reader.fileno(), writer.fileno(), at, min(COPY, length - at))
        os.fsync(writer.fileno())


def _sha256(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").digest()
