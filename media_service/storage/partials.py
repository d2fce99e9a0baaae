"""Partial files: every slice goes straight to its place in one file per upload.

Descriptors are shared: the writers of one upload's slices hold the same one, and it closes behind the last of them.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiofiles.os

from media_service.storage.border import disk_errors, make_folder, sync_directory

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".partial"


class OpenPartial:
    """`core.ports.Partial` over a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._suspect = False

    async def write(self, offset: int, block: bytes) -> None:
        """Puts the whole block at `offset`, there and then: the page cache takes it in less time than a thread hop."""
        with disk_errors():
            view = memoryview(block)
            while view:
                written = os.pwrite(self.descriptor, view, offset)
                view, offset = view[written:], offset + written

    async def sync(self) -> None:
        """Returns when every write that ended before the call is durable; a failed sync is never tried again."""
        with disk_errors():
            # The kernel tells of lost pages once: the next sync of the same file would report that all is well.
            if self._suspect:
                raise OSError(errno.EIO, "an earlier sync of this file failed")
            try:
                await asyncio.to_thread(os.fdatasync, self.descriptor)
            except OSError:
                self._suspect = True
                raise


@dataclass(slots=True)
class _Held:
    partial: OpenPartial
    holders: int


class DiskPartials:
    """`core.ports.Partials` in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, _Held] = {}

    async def prepare(self) -> None:
        """Makes the folder."""
        await make_folder(self._folder)

    async def create(self, upload_id: str, length: int | None) -> None:
        """Makes an empty partial, durably, with room for `length` bytes where that is known. Raises StorageFull."""
        with disk_errors():
            await asyncio.to_thread(self._create, self.path(upload_id), length)

    async def open(self, upload_id: str) -> OpenPartial | None:
        """The partial, to be given back with `close`; None when there is none."""
        held = self._held.get(upload_id)
        if held is None:
            with disk_errors():
                try:
                    # On the loop: it waits for no data, and between a look and an open in a thread another
                    # writer would open its own.
                    descriptor = os.open(self.path(upload_id), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                except FileNotFoundError:
                    return None
            held = self._held[upload_id] = _Held(OpenPartial(descriptor), 0)
        held.holders += 1
        return held.partial

    def close(self, upload_id: str) -> None:
        """Gives back what `open` returned; the descriptor goes when the last holder gave it back."""
        held = self._held[upload_id]
        held.holders -= 1
        if not held.holders:
            del self._held[upload_id]
            os.close(held.partial.descriptor)

    def path(self, upload_id: str) -> Path:
        """Where the partial's bytes are, for reading."""
        return self._folder / (upload_id + SUFFIX)

    async def trim(self, upload_id: str, length: int) -> None:
        """Cuts off scratch bytes behind `length`. Raises FileNotFoundError when there is no partial."""
        with disk_errors():
            await asyncio.to_thread(_trim, self.path(upload_id), length)

    async def discard(self, upload_id: str) -> None:
        """Frees the partial's space. One that is not there is no error."""
        with disk_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self.path(upload_id))

    async def ids(self) -> list[str]:
        """The uploads that have a partial."""
        with disk_errors():
            names = await aiofiles.os.listdir(self._folder)
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    async def free(self) -> int:
        """Bytes that may still be written on this disk."""
        with disk_errors():
            return (await asyncio.to_thread(shutil.disk_usage, self._folder)).free

    def _create(self, path: Path, length: int | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            if length:
                os.posix_fallocate(descriptor, 0, length)
            os.fsync(descriptor)
            sync_directory(self._folder)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)


def _trim(path: Path, length: int) -> None:
    if path.stat().st_size > length:
        os.truncate(path, length)
