"""Map errors of the operating system to those of the core."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def map_os_errors() -> Iterator[None]:
    """Raise StorageFull or StorageError for OSError. FileNotFoundError and FileExistsError pass unchanged."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise error_from_errno(error.errno) from error


def error_from_errno(number: int | None) -> StorageFull | StorageError:
    """Return the core's error for this errno."""
    return StorageFull() if number in _DISK_FULL_ERRNOS else StorageError()
