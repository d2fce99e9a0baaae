"""The spool: where finished files wait for their readers, each whole from the moment its name is seen.

A file is put together in `.incoming/` on the same file system, synced, and then renamed to its final name, which fails
where that name is taken. The name is in the catalogue before the file has it. So after a crash there are two cases and
no third: the file still lies in `.incoming/` and was not published, or it does not and was, even if its reader took it.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import aiofiles.os

from media_service.core.files import AssembledFile, RewritePlan
from media_service.storage.copy_range import COPY, copy
from media_service.storage.filenames import safe_filenames
from media_service.storage.os_errors import make_private_folder, map_os_errors
from media_service.storage.read_back import ReadBackDigest
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NO_RENAME = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_RENAMEAT2 = ctypes.CDLL(None, use_errno=True).renameat2
_HERE, _NO_REPLACE, _EXCHANGE = -100, 1, 2
"""AT_FDCWD, RENAME_NOREPLACE and RENAME_EXCHANGE: Python has no name for a rename that replaces nothing, nor for one
that needs something to replace."""

PIECE = 1024 * 1024
"""Bytes of a tag that are read back at once."""


class DiskSpool:
    """`core.ports.spool.Spool` in one folder; finished files lie in its `mp3/`."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / ".incoming"
        self._finished = folder / "mp3"

    async def prepare(self) -> None:
        """Makes the folders."""
        await make_private_folder(self._incoming)
        await make_private_folder(self._finished)

    async def assemble(self, upload_id: str, source: Path, plan: RewritePlan, length: int | None) -> AssembledFile:
        """Makes the tagged file beside the spool, whole and durable, from the source's first `length` bytes, or all.

        Asked again for the same upload, it starts anew. Raises StorageFull, and FileNotFoundError when the source is
        missing.
        """
        with map_os_errors():
            return await asyncio.to_thread(self._assemble, self._incoming / upload_id, source, plan, length)

    async def is_assembled(self, upload_id: str) -> bool:
        """Whether an assembled file of this upload has no name yet."""
        with map_os_errors():
            return await aiofiles.os.path.exists(self._incoming / upload_id)

    def candidate_names(self, filename: str, first: int, count: int) -> list[str]:
        """Names for a file called `filename`, from its `first` copy on: the second gets ` (2)`."""
        return safe_filenames(filename, range(first, first + count))

    async def publish(self, upload_id: str, name: str) -> bool:
        """Gives the assembled file this name in the spool, durably; False, and nothing done, when it is taken.

        From then on it waits no more, whatever its readers do with it.
        """
        with map_os_errors():
            return await asyncio.to_thread(self._publish, self._incoming / upload_id, self.path(name))

    async def discard_assembled(self, upload_id: str) -> None:
        """Removes what was assembled for the upload and has no name."""
        with map_os_errors(), suppress(FileNotFoundError):
            await aiofiles.os.unlink(self._incoming / upload_id)

    async def list_assembled(self) -> list[str]:
        """The uploads for which something was assembled that has no name."""
        with map_os_errors():
            return await aiofiles.os.listdir(self._incoming)

    async def replace(self, key: str, name: str) -> None:
        """Puts what was assembled under `key` in the place of the file of this name, durably and in one step.

        Whoever reads the old one reads it to its end. Raises FileNotFoundError, and does nothing, where its reader took
        it away.
        """
        with map_os_errors():
            await asyncio.to_thread(self._replace, self._incoming / key, self.path(name))

    async def measure(self, name: str) -> tuple[int, bytes] | None:
        """Bytes and SHA-256 of a finished file as it lies there; None where its reader took it away."""
        with map_os_errors():
            return await asyncio.to_thread(_measure, self.path(name))

    def path(self, stored_name: str) -> Path:
        """Where a finished file lies."""
        return self._finished / stored_name

    def _assemble(self, incoming: Path, source: Path, plan: RewritePlan, length: int | None) -> AssembledFile:
        incoming.unlink(missing_ok=True)
        length = source.stat().st_size if length is None else length
        try:
            with ReadBackDigest(incoming) as reread:
                _join(incoming, source, plan, length, reread.reach)
                digest = reread.digest()
            size = _read_back(incoming, plan)
            if size != len(plan.head) + length - plan.cut:
                raise OSError(errno.EIO, "the assembled file has another size than planned")
        except BaseException:
            # Half a file would keep a full disk full for every other upload.
            incoming.unlink(missing_ok=True)
            raise
        # The catalogue is about to say that it waits here.
        fsync_directory(self._incoming)
        return AssembledFile(size, digest)

    def _publish(self, incoming: Path, final: Path) -> bool:
        if not _rename(incoming, final):
            return False
        fsync_directory(self._finished)
        fsync_directory(self._incoming)
        return True

    def _replace(self, incoming: Path, final: Path) -> None:
        _exchange(incoming, final)
        fsync_directory(self._finished)
        fsync_directory(self._incoming)
        incoming.unlink(missing_ok=True)


def _exchange(incoming: Path, final: Path) -> None:
    """Gives each the other's name. Raises FileNotFoundError where the second is not there."""
    if _RENAMEAT2(_HERE, os.fsencode(incoming), _HERE, os.fsencode(final), _EXCHANGE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _NO_RENAME:
        raise OSError(number, os.strerror(number), str(final))
    # A file system that cannot exchange names replaces what is there, or what was there a moment ago.
    final.stat()
    incoming.replace(final)


def _measure(path: Path) -> tuple[int, bytes] | None:
    try:
        with path.open("rb", buffering=0) as file:
            return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        return None


def _rename(old: Path, new: Path) -> bool:
    """Gives the file its new name instead of the old one; False, and nothing done, when that is taken."""
    if _RENAMEAT2(_HERE, os.fsencode(old), _HERE, os.fsencode(new), _NO_REPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.EEXIST:
        return False
    if number not in _NO_RENAME:
        raise OSError(number, os.strerror(number), str(old))
    return _link(old, new)


def _link(old: Path, new: Path) -> bool:
    """The same where the file system cannot do it in one step: for a moment the file has both names."""
    try:
        new.hardlink_to(old)
    except FileExistsError:
        if not new.samefile(old):
            return False
    old.unlink()
    return True


def _join(target: Path, source: Path, plan: RewritePlan, length: int, written: Callable[[int], None]) -> None:
    """A new, synced file: the plan's head, the source's bytes from the plan's cut up to `length`, the plan's tail.

    `written` is told, before the sync, how many bytes of it stand.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with source.open("rb") as reader, os.fdopen(os.open(target, flags, 0o600), "wb") as writer:
        writer.write(plan.head)
        writer.flush()
        at, stop = plan.cut, length - len(plan.tail)
        while at < stop:
            at += copy(reader.fileno(), writer.fileno(), at, min(COPY, stop - at))
            written(len(plan.head) + at - plan.cut)
        os.lseek(writer.fileno(), 0, os.SEEK_END)
        writer.write(plan.tail)
        writer.flush()
        written(writer.tell())
        os.fsync(writer.fileno())


def _read_back(path: Path, plan: RewritePlan) -> int:
    """The file's size. Raises OSError where our own bytes are not those planned."""
    with path.open("rb", buffering=0) as file:
        _expect(file, plan.head)
        size = file.seek(-len(plan.tail), os.SEEK_END) + len(plan.tail)
        _expect(file, plan.tail)
        return size


def _expect(file: BinaryIO, planned: bytes) -> None:
    """Raises OSError where the next bytes are others. A tag may be large, and is not held twice."""
    for at in range(0, len(planned), PIECE):
        part = planned[at : at + PIECE]
        if file.read(len(part)) != part:
            raise OSError(errno.EIO, "a tag is not as it was written")
