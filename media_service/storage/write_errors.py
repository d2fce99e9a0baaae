"""Ask whether the kernel has lost pages of a file: sync_file_range(2), which Python does not offer.

The kernel notes in each open file description which lost pages were reported to it. One that was opened before the
writes is told of all of them, whoever else was told before (errseq_t).
"""

from __future__ import annotations

import ctypes
import errno
import os

_WAIT_AFTER = 4
_BEYOND_EVERY_FILE = 2**62
"""No page is there, so the call waits for nothing."""

_UNSUPPORTED_ERRNOS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP})

_sync_file_range = ctypes.CDLL(None, use_errno=True).sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def raise_lost_writes(descriptor: int) -> None:
    """Raise OSError if pages of the file were lost since the descriptor was opened or last asked."""
    if _sync_file_range(descriptor, _BEYOND_EVERY_FILE, 1, _WAIT_AFTER):
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED_ERRNOS:
            raise OSError(number, os.strerror(number))
