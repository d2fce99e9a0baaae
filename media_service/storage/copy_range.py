"""Copying between open files within the kernel; a file system that can share blocks copies none."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COPY = 16 * 1024 * 1024
"""Bytes that one call of the kernel copies; between two calls other threads get their turn."""

_NO_KERNEL_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def copy(source: int, target: int, offset: int, size: int) -> int:
    """Copies up to `size` bytes from `offset` of the source to where the target stands; how many it were.

    Raises OSError, also where the source has no byte there.
    """
    try:
        copied = os.copy_file_range(source, target, size, offset)
    except OSError as error:
        if error.errno not in _NO_KERNEL_COPY:
            raise
        copied = os.sendfile(target, source, offset, size)
    # Nobody reads these again; their pages hold the next bytes of the target, which costs less than finding new ones.
    os.posix_fadvise(source, offset, copied, os.POSIX_FADV_DONTNEED)
    if not copied:
        raise OSError(errno.EIO, "the source ended while it was copied")
    return copied


def join(target: Path, sources: Iterable[tuple[Path, int]]) -> None:
    """Writes the first so many bytes of each source one behind the other into the target, durably."""
    descriptor = os.open(target, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for source, length in sources:
            with source.open("rb", buffering=0) as reader:
                at = 0
                while at < length:
                    at += copy(reader.fileno(), descriptor, at, min(COPY, length - at))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
