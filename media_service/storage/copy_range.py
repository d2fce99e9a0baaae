"""Copy between open files inside the kernel; file systems with shared extents copy no data."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CHUNK_BYTES = 16 * 1024 * 1024
"""Bytes copied by one system call; other threads run between two calls."""

_FICLONE = 0x40049409
"""ioctl_ficlone(2): Python has no name for it."""

_UNSUPPORTED_ERRNOS = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def copy_range(source: int, target: int, offset: int, size: int) -> int:
    """Copy up to `size` bytes to the target's position; return how many. Raise OSError, also if there are none."""
    try:
        copied = os.copy_file_range(source, target, size, offset)
    except OSError as error:
        if error.errno not in _UNSUPPORTED_ERRNOS:
            raise
        copied = os.sendfile(target, source, offset, size)
    # The source is not read again; reusing its cached pages for the target costs less than allocating new ones.
    os.posix_fadvise(source, offset, copied, os.POSIX_FADV_DONTNEED)
    if not copied:
        raise OSError(errno.EIO, "the source ended while it was copied")
    return copied


def can_clone(source: int, target: int) -> bool:
    """Return whether the file system lets these files share blocks. The target must be empty, and stays so."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    os.ftruncate(target, 0)
    return True


def concatenate(target: Path, sources: Iterable[tuple[Path, int]]) -> None:
    """Write the first bytes of each source, as many as stated, to the target, and sync it."""
    descriptor = os.open(target, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for source, length in sources:
            with source.open("rb", buffering=0) as reader:
                offset = 0
                while offset < length:
                    chunk = min(CHUNK_BYTES, length - offset)
                    offset += copy_range(reader.fileno(), descriptor, offset, chunk)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
