"""Map errors of the operating system to those of the core."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError, StorageFull

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

_DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class _OsErrors:
    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError | FileExistsError):
            raise error_from_errno(error.errno) from error


_OS_ERRORS = _OsErrors()
"""The only one, because it has no state: contextlib's took 3.1 µs instead of 0.3, several times for each slice."""


def map_os_errors() -> AbstractContextManager[None]:
    """Raise StorageFull or StorageError for OSError. FileNotFoundError and FileExistsError pass unchanged."""
    return _OS_ERRORS


def error_from_errno(number: int | None) -> StorageFull | StorageError:
    """Return the core's error for this errno."""
    return StorageFull() if number in _DISK_FULL_ERRNOS else StorageError()
