"""Disk space for a file that others write to at the same time.

Not `os.posix_fallocate`: on a file system that cannot allocate, the C library writes a zero to every block that it
reads as zero, and a block that is written between the two loses its first byte.
"""

from __future__ import annotations

import ctypes
import errno
import os

_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", None) or _libc.fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def allocate(descriptor: int, start: int, size: int) -> None:
    """Allocate the bytes from `start` on, where the file system can; the file grows to hold them. Raise OSError."""
    while _fallocate(descriptor, 0, start, size):
        number = ctypes.get_errno()
        if number in _CANNOT:
            return
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
