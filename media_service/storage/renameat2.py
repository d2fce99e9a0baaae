"""Rename without replacing, and exchange two names: renameat2(2), which Python does not offer."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_UNSUPPORTED_ERRNOS = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2
_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2


def rename_no_replace(old: Path, new: Path) -> bool:
    """Rename the file; return False, and do nothing, if the new name exists. Raise OSError."""
    if _renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.EEXIST:
        return False
    if number not in _UNSUPPORTED_ERRNOS:
        raise OSError(number, os.strerror(number), str(old))
    return link_and_unlink(old, new)


def link_and_unlink(old: Path, new: Path) -> bool:
    """Rename without replacing, on a file system without RENAME_NOREPLACE: for a moment the file has both names."""
    try:
        new.hardlink_to(old)
    except FileExistsError:
        if not new.samefile(old):
            return False
    old.unlink()
    return True


def exchange(one: Path, other: Path) -> None:
    """Exchange the names of two files. Raise FileNotFoundError if `other` does not exist."""
    if _renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNSUPPORTED_ERRNOS:
        raise OSError(number, os.strerror(number), str(other))
    # Without RENAME_EXCHANGE `other` is replaced. A reader that deletes it between these two calls gets it again.
    other.stat()
    one.replace(other)
