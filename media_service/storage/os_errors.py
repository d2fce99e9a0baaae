"""Where the operating system's errors become ours, and the small durable acts that every store needs."""

from __future__ import annotations

import asyncio
import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def map_os_errors() -> Iterator[None]:
    """Raises StorageFull and StorageError for OSError; lets FileNotFoundError and FileExistsError through."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise trouble_of(error.errno) from error


def trouble_of(number: int | None) -> StorageFull | StorageError:
    """What a failure with this number of the operating system is to us."""
    return StorageFull() if number in _FULL else StorageError()


async def make_private_folder(folder: Path) -> None:
    """A folder that only this service's user may look into, made if it is missing."""
    with map_os_errors():
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
