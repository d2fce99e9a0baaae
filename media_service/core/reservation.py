"""How far ahead of its bytes an upload gets room on the disk."""

from __future__ import annotations

FIRST_STEP_BYTES = 1024 * 1024
"""Bytes that every upload gets at its creation: a small file has all its room, in one call on the event loop."""

MAX_STEP_BYTES = 256 * 1024 * 1024
"""Bytes that are reserved at once, at most: some file systems reserve room by writing it."""


def first_reservation(length: int | None) -> int:
    """Return the bytes to reserve when the upload is created."""
    return min(length or 0, FIRST_STEP_BYTES)


def reservation_end(length: int, received: int, reserved: int) -> int:
    """Return the offset up to which room may be reserved for an upload of `received` bytes, `reserved` so far.

    What is reserved beyond the bytes that came is never more than these bytes and FIRST: an announced length alone
    takes no disk from others, and one who wants to fill the disk with promises must send half of it.
    """
    return min(length, 2 * received + FIRST_STEP_BYTES, reserved + MAX_STEP_BYTES)
