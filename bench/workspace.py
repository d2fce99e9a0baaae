"""Folders of the bench: peers and built programs in a cache, payloads and data on tmpfs or on the disk."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")


def touch_memory(size: int) -> None:
    """Allocate so many bytes of memory, twice, and free them.

    A virtual machine gives its free memory to others. Getting it back costs up to two seconds a GiB, which would be
    charged to the server that is measured: now it gets what was just freed.
    """
    for _ in range(2):
        with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE):
            pass


def cache() -> Path:
    """Return the folder of peers and built programs, the same as in `peers.sh`: outside of the repository."""
    given = os.environ.get("BENCH_CACHE")
    above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else above / "media-service-bench"


@contextmanager
def workspace(place: str) -> Iterator[Path]:
    """Yield an empty folder for the servers' data: on `tmpfs`, on the `disk` of the cache, or in the named folder."""
    above = {"tmpfs": MEMORY, "disk": cache()}.get(place, Path(place))
    above.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="media-bench-", dir=above))
    # nginx's worker is another user when its master is root.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def memory() -> Iterator[Path]:
    """Yield a folder on tmpfs for payloads: reading them must cost the same wherever the data are."""
    with workspace("tmpfs") as folder:
        yield folder
