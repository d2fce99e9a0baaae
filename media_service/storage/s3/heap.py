"""Let the C library keep freed memory for the next slice: mallopt(3), which Python does not offer.

By default glibc returns the end of the heap to the kernel when a slice is freed, and each block of the next one faults
its pages in again: 8 MiB slices then cost a receiver 0.4 s/GiB more.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_freed(size: int, largest: int) -> None:
    """Keep up to `size` freed bytes, of which the largest piece has `largest`; do nothing with another C library."""
    with suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, size)
        mallopt(_M_MMAP_THRESHOLD, largest)
