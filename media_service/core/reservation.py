"""How far ahead of its bytes disk space is reserved for an upload."""

from __future__ import annotations

FIRST_STEP_BYTES = 1024 * 1024
"""Reserved at creation, in one call on the event loop: enough for a small file."""

MAX_STEP_BYTES = 256 * 1024 * 1024
"""Maximum of one reservation, because some file systems reserve by writing."""


def first_reservation(length: int | None) -> int:
    """Return the bytes to reserve when the upload is created."""
    return min(length or 0, FIRST_STEP_BYTES)


def reservation_end(length: int, received: int, reserved: int) -> int:
    """Return the offset up to which space may be reserved.

    At most as many bytes as came (and FIRST_STEP_BYTES) are reserved ahead: to fill the disk with reservations, a
    client must send half of it.
    """
    return min(length, 2 * received + FIRST_STEP_BYTES, reserved + MAX_STEP_BYTES)
