"""Which objects are the bytes of an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.files import ObjectRange
from media_service.storage.s3.keys import RESTORED, slice_key, whole_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from media_service.core.upload import Slice


def key_of(upload_id: str, piece: Slice) -> str:
    """Return the key of a recorded slice."""
    # A slice that was recorded without an object counts as lost: no object has this key.
    return slice_key(upload_id, piece.start, piece.stop, piece.object or "")


def objects_before(upload_id: str, slices: Sequence[Slice], stop: int) -> tuple[ObjectRange, ...]:
    """Return the objects of the bytes before `stop`, or before the first gap of the slices, which are by start.

    Without slices it is the one that the quarantine restored.
    """
    if not slices:
        return (ObjectRange(whole_key(upload_id, RESTORED), 0, stop),)
    objects: list[ObjectRange] = []
    offset = 0
    for piece in slices:
        if piece.start != offset or offset >= stop:
            break
        offset = min(piece.stop, stop)
        objects.append(ObjectRange(key_of(upload_id, piece), 0, offset - piece.start))
    return tuple(objects)


def objects_after(objects: Sequence[ObjectRange], offset: int) -> Iterator[tuple[int, ObjectRange]]:
    """Yield what of the objects, one after the other, comes from `offset` on: each part with its own offset."""
    start = 0
    for part in objects:
        size = part.stop - part.start
        skipped = max(0, min(offset - start, size))
        if skipped < size:
            yield start + skipped, ObjectRange(part.key, part.start + skipped, part.stop)
        start += size
