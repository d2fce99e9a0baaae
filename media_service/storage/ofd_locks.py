"""Locks on byte ranges of a file that belong to an open file description (F_OFD_SETLK of fcntl(2)).

They exclude every other description, in this process too, but not other users of the same one. The kernel frees them
when the last descriptor of the description is closed, so also when the process dies. Unlike POSIX record locks, they do
not end when the process closes another descriptor of the file.
"""

from __future__ import annotations

import fcntl
import struct

_FLOCK = struct.Struct("hhqqi4x")
"""`struct flock`: l_type, l_whence (0: offsets count from the start), l_start, l_len, l_pid (must be 0)."""


def try_lock(descriptor: int, start: int, stop: int | None) -> bool:
    """Lock `[start, stop)` for writing, `stop` None for every byte from `start` on; return whether it was free.

    The descriptor must be open for writing. Bytes that it has locked already stay locked. Raise OSError.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, start, stop))
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int, start: int, stop: int | None) -> None:
    """Free these bytes; those that are not locked are no error."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, start, stop))


def _flock(kind: int, start: int, stop: int | None) -> bytes:
    # A length of 0 means all bytes.
    length = 0 if stop is None else stop - start
    assert stop is None or length > 0
    return _FLOCK.pack(kind, 0, start, length, 0)
