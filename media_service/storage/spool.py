"""The spool of finished files. A file is complete when its name appears.

A file is assembled in `.incoming/`, synced, and renamed to a name that must be free and that the catalogue has recorded
before. So after a crash a file in `.incoming/` was not published; one that is missing there was published.

The trash is a folder beside that of the finished files, with other names, so that a name in the spool means a file for
its readers.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import aiofiles.os

from media_service.core.errors.files import NameInUse
from media_service.core.errors.service import StorageError
from media_service.core.files import AssembledFile, RewritePlan, Source
from media_service.storage.copy_range import CHUNK_BYTES, can_clone, copy_range
from media_service.storage.data_folder import make_private_folder
from media_service.storage.direct_write import write_direct
from media_service.storage.filenames import safe_filenames
from media_service.storage.local_content import LocalContent, content_of
from media_service.storage.os_errors import map_os_errors
from media_service.storage.read_back import ReadBackDigest
from media_service.storage.renameat2 import exchange, rename_no_replace
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from pathlib import Path

TRASHED_SUFFIX = ".mp3"
"""Of files in the trash, after their ids."""

COMPARE_BYTES = 1024 * 1024
"""Bytes of a tag read back at once."""


class DiskSpool:
    """`core.ports.spool.Spool` in one folder; finished files are in its `mp3/`, those in the trash in its `trash/`."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / ".incoming"
        self._finished = folder / "mp3"
        self._trash = folder / "trash"

    async def prepare(self) -> None:
        await make_private_folder(self._incoming)
        await make_private_folder(self._finished)
        await make_private_folder(self._trash)

    async def assemble(self, upload_id: str, source: Source, plan: RewritePlan, length: int | None) -> AssembledFile:
        with map_os_errors():
            return await asyncio.to_thread(self._assemble, self._incoming / upload_id, source.path, plan, length)

    async def is_assembled(self, upload_id: str) -> bool:
        with map_os_errors():
            return await aiofiles.os.path.exists(self._incoming / upload_id)

    def candidate_names(self, filename: str, first: int, count: int) -> list[str]:
        return safe_filenames(filename, range(first, first + count))

    async def publish(self, upload_id: str, name: str) -> bool:
        with map_os_errors():
            return await asyncio.to_thread(self._publish, self._incoming / upload_id, self.path(name))

    async def discard_assembled(self, upload_id: str) -> None:
        with map_os_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self._incoming / upload_id)

    async def list_assembled(self) -> list[str]:
        with map_os_errors():
            return await aiofiles.os.listdir(self._incoming)

    async def replace(self, key: str, name: str) -> None:
        with map_os_errors():
            await asyncio.to_thread(self._replace, self._incoming / key, self.path(name))

    async def measure(self, name: str) -> tuple[int, bytes] | None:
        with map_os_errors():
            return await asyncio.to_thread(_measure, self.path(name))

    async def discard(self, name: str) -> None:
        with map_os_errors():
            await asyncio.to_thread(_discard, self.path(name))

    @asynccontextmanager
    async def reading(self, name: str, *, tags_only: bool = False) -> AsyncIterator[Source]:
        if await self.content(name) is None:
            raise FileNotFoundError(name)
        yield Source(self.path(name))

    async def content(self, name: str) -> LocalContent | None:
        return await _content(self.path(name))

    async def missing(self, names: Collection[str]) -> set[str]:
        with map_os_errors():
            return await asyncio.to_thread(self._missing, names)

    async def trash(self, file_id: str, name: str) -> bool:
        with map_os_errors():
            return await asyncio.to_thread(self._move, self.path(name), self.trashed_path(file_id)) is not None

    async def restore(self, file_id: str, name: str) -> bool:
        with map_os_errors():
            moved = await asyncio.to_thread(self._move, self.trashed_path(file_id), self.path(name))
        if moved is False:
            raise NameInUse(name)
        return moved is True

    async def discard_trashed(self, file_id: str) -> None:
        with map_os_errors():
            await asyncio.to_thread(_discard, self.trashed_path(file_id))

    async def trashed_content(self, file_id: str) -> LocalContent | None:
        return await _content(self.trashed_path(file_id))

    def trashed_path(self, file_id: str) -> Path:
        """Return where a file in the trash is."""
        return self._trash / (file_id + TRASHED_SUFFIX)

    def path(self, stored_name: str) -> Path:
        """Return where a finished file is."""
        return self._finished / stored_name

    def _assemble(self, incoming: Path, source: Path, plan: RewritePlan, length: int | None) -> AssembledFile:
        incoming.unlink(missing_ok=True)
        length = source.stat().st_size if length is None else length
        try:
            digest = _write(incoming, source, plan, length)
            size = _check_tags(incoming, plan)
            if size != len(plan.head) + length - plan.cut:
                raise OSError(errno.EIO, "the assembled file has another size than planned")
        except BaseException:
            # An incomplete file would keep a full disk full.
            incoming.unlink(missing_ok=True)
            raise
        # The catalogue records next that the file is here, so its name must be durable.
        fsync_directory(self._incoming)
        return AssembledFile(size, digest)

    def _publish(self, incoming: Path, final: Path) -> bool:
        if not rename_no_replace(incoming, final):
            return False
        fsync_directory(self._finished)
        fsync_directory(self._incoming)
        return True

    def _replace(self, incoming: Path, final: Path) -> None:
        exchange(incoming, final)
        fsync_directory(self._finished)
        fsync_directory(self._incoming)
        incoming.unlink(missing_ok=True)

    def _missing(self, names: Collection[str]) -> set[str]:
        missing = {name for name in names if not os.path.lexists(self.path(name))}
        self._check_spool()
        return missing

    def _move(self, old: Path, new: Path) -> bool | None:
        """Return True if the file is at `new`, False if it is at `old` and another one at `new`, None if in neither."""
        moved: bool | None
        try:
            moved = rename_no_replace(old, new)
        except FileNotFoundError:
            self._check_spool()
            if os.path.lexists(old):
                # The folder of the trash is missing.
                raise StorageError from None
            moved = True if os.path.lexists(new) else None
        if moved:
            # The new name first: after a power cut the file has both names rather than none.
            fsync_directory(new.parent)
            fsync_directory(old.parent)
        return moved

    def _check_spool(self) -> None:
        """Raise StorageError if the folder is not there: then it is not mounted, and nobody has taken every file."""
        if not self._finished.is_dir():
            raise StorageError


def _discard(path: Path) -> None:
    path.unlink(missing_ok=True)
    fsync_directory(path.parent)


async def _content(path: Path) -> LocalContent | None:
    with map_os_errors():
        try:
            return content_of(path, await aiofiles.os.stat(path, follow_symlinks=False))
        except FileNotFoundError:
            return None


def _measure(path: Path) -> tuple[int, bytes] | None:
    try:
        with path.open("rb", buffering=0) as file:
            return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        return None


def _write(target: Path, source: Path, plan: RewritePlan, length: int) -> bytes:
    """Write and sync the plan's head, the source's bytes from its cut on, and its tail; return the SHA-256."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with source.open("rb", buffering=0) as reader, os.fdopen(os.open(target, flags, 0o600), "wb") as writer:
        if not can_clone(reader.fileno(), writer.fileno()):
            try:
                return write_direct(
                    target, len(plan.head) + length - plan.cut, partial(_read, reader.fileno(), plan, length)
                )
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                writer.truncate(0)
        with ReadBackDigest(target) as read_back:
            _copy(writer, reader.fileno(), plan, length, read_back.extend)
            return read_back.digest()


def _read(source: int, plan: RewritePlan, length: int, buffer: memoryview, offset: int) -> None:
    """Fill the buffer with the planned bytes from `offset` on. Raise OSError if the source ends before."""
    audio_start, tail_start = len(plan.head), len(plan.head) + length - len(plan.tail) - plan.cut
    while buffer:
        if offset < audio_start:
            part = plan.head[offset : offset + len(buffer)]
        elif offset >= tail_start:
            part = plan.tail[offset - tail_start : offset - tail_start + len(buffer)]
        else:
            count = os.preadv(source, [buffer[: tail_start - offset]], plan.cut + offset - audio_start)
            if not count:
                raise OSError(errno.EIO, "the source ended while it was copied")
            buffer, offset = buffer[count:], offset + count
            continue
        buffer[: len(part)] = part
        buffer, offset = buffer[len(part) :], offset + len(part)


def _copy(writer: BinaryIO, source: int, plan: RewritePlan, length: int, written: Callable[[int], None]) -> None:
    """Write and sync the planned bytes, shared with the source where possible; report bytes to `written`."""
    writer.write(plan.head)
    writer.flush()
    offset, stop = plan.cut, length - len(plan.tail)
    while offset < stop:
        offset += copy_range(source, writer.fileno(), offset, min(CHUNK_BYTES, stop - offset))
        written(len(plan.head) + offset - plan.cut)
    os.lseek(writer.fileno(), 0, os.SEEK_END)
    writer.write(plan.tail)
    writer.flush()
    written(writer.tell())
    os.fsync(writer.fileno())


def _check_tags(path: Path, plan: RewritePlan) -> int:
    """Return the file's size. Raise OSError if its head or tail differs from the plan."""
    with path.open("rb", buffering=0) as file:
        _expect(file, plan.head)
        size = file.seek(-len(plan.tail), os.SEEK_END) + len(plan.tail)
        _expect(file, plan.tail)
        return size


def _expect(file: BinaryIO, planned: bytes) -> None:
    """Raise OSError if the next bytes differ. Read in parts, because a large tag is in memory once already."""
    for start in range(0, len(planned), COMPARE_BYTES):
        part = planned[start : start + COMPARE_BYTES]
        if file.read(len(part)) != part:
            raise OSError(errno.EIO, "a tag is not as it was written")
