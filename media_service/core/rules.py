"""What may happen to an upload: create, admit, record, complete, cancel. Each takes values and answers or refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from media_service.core.errors import (
    BytesMissing,
    FileTooLarge,
    Malformed,
    Refusal,
    SliceDiffers,
    SliceTooLarge,
    SpanOutside,
    SpanOverlaps,
)
from media_service.core.ranges import Ranges, Span
from media_service.core.text import clean_line, clean_tags
from media_service.core.upload import HELD, Event, Slice, State, Upload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload may be: bytes of a file, bytes of a slice, and the slice size proposed to clients."""

    file: int
    slice: int
    slice_size: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for when it creates an upload. `length` in bytes, None when it does not know yet."""

    filename: str
    length: int | None
    last_modified: int | None = None
    digest: bytes | None = None
    content_hash: bytes | None = None
    sender: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """Where a writer may put bytes: from `start` to `limit` at most. `repeat`: they are all recorded already."""

    start: int
    limit: int
    repeat: bool = False


def create(wish: Wish, limits: Limits, *, id: str, owner: str, dialect: str, now: int) -> Upload:
    """A new upload, receiving. Raises FileTooLarge, Malformed."""
    if wish.length is not None:
        check_length(wish.length, limits)
    return Upload(
        id=id,
        owner=owner,
        dialect=dialect,
        state=State.RECEIVING,
        filename=clean_line(wish.filename, "filename"),
        length=wish.length,
        created_at=now,
        updated_at=now,
        last_modified=wish.last_modified,
        digest=wish.digest,
        content_hash=wish.content_hash,
        sender=clean_line(wish.sender, "sender") or None if wish.sender else None,
        tags=clean_tags(wish.tags or {}),
    )


def check_length(length: int, limits: Limits) -> None:
    """Raises FileTooLarge, or Malformed for a file without bytes."""
    if length > limits.file:
        raise FileTooLarge(limits.file)
    if length < 1:
        raise Malformed("length", "a file has at least one byte")


def admit(upload: Upload, received: Ranges, start: int, size: int | None, *, limits: Limits, dialect: str) -> Room:
    """Where the writer of a slice of `size` bytes from `start` may write, before a byte of it was read.

    A slice of an upload that is whole already is a repeat: its first acknowledgement was lost on the way.
    With `size` None the slice may end anywhere up to the room's limit, and `record` checks again.
    Raises WrongState, UploadGone, SliceTooLarge, SpanOutside, SpanOverlaps.
    """
    whole = upload.state in HELD
    if upload.dialect != dialect or not (whole or upload.state is State.RECEIVING):
        raise upload.refusal()
    if size is not None and size > limits.slice:
        raise SliceTooLarge(limits.slice)
    length = limits.file if upload.length is None else upload.length
    if start + (1 if size is None else size) > length:
        raise SpanOutside(start, length)
    if whole:
        return Room(start, length, repeat=True)
    held_to = received.run_from(start)
    if held_to > start:
        if size is not None and start + size > held_to:
            raise SpanOverlaps(start, held_to)
        return Room(start, held_to, repeat=True)
    limit = min(received.next_start(start, length), start + limits.slice)
    if size is not None and start + size > limit:
        raise SpanOverlaps(start, limit)
    return Room(start, limit)


def overrun(upload: Upload, room: Room, limits: Limits) -> Refusal:
    """Why a slice whose size was not known beforehand may not go on beyond its room."""
    if upload.length is not None and room.limit == upload.length:
        return SpanOutside(room.start, room.limit)
    if room.repeat:
        return SpanOverlaps(room.start, room.limit)
    if upload.length is None and room.limit == limits.file:
        return FileTooLarge(limits.file)
    if room.limit == room.start + limits.slice:
        return SliceTooLarge(limits.slice)
    return SpanOverlaps(room.start, room.limit)


def check_record(upload: Upload, received: Ranges, piece: Slice) -> None:
    """Whether a slice whose bytes are on disk may be recorded.

    Raises WrongState, UploadGone, SpanOutside, SpanOverlaps.
    """
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    span = Span(piece.start, piece.stop)
    if upload.length is not None and span.stop > upload.length:
        raise SpanOutside(span.start, upload.length)
    if received.overlaps(span):
        held_to = received.run_from(span.start)
        raise SpanOverlaps(span.start, held_to if held_to > span.start else received.next_start(span.start, span.stop))


def check_repeat(recorded: Iterable[Slice], piece: Slice) -> None:
    """Whether a recorded slice may be acknowledged again. Raises SliceDiffers when digests show other bytes."""
    for known in recorded:
        same_span = (known.start, known.stop) == (piece.start, piece.stop)
        if same_span and piece.digest and known.digest and piece.digest != known.digest:
            raise SliceDiffers(piece.start)


def is_whole(upload: Upload, received: Ranges) -> bool:
    """Whether every byte of the announced length is recorded."""
    return upload.length is not None and received.covers(Span(0, upload.length))


def complete(upload: Upload, received: Ranges, now: int) -> Upload:
    """The upload with all its bytes, ready to be verified. Raises WrongState, UploadGone, BytesMissing."""
    if upload.state is State.RECEIVING and not is_whole(upload, received):
        raise BytesMissing(received.offset)
    return upload.step(Event.COMPLETE, now)


def amend(
    upload: Upload,
    received: Ranges,
    now: int,
    limits: Limits,
    *,
    tags: Mapping[str, str] | None = None,
    length: int | None = None,
) -> Upload:
    """The upload with other tags, or with the length it did not have.

    Both may change only while bytes are awaited: behind that they may be in use.
    Raises WrongState, UploadGone, Malformed, FileTooLarge.
    """
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    if length is not None and length != upload.length:
        if upload.length is not None:
            raise Malformed("length", f"it was announced as {upload.length}")
        check_length(length, limits)
        if received.next_start(length, -1) != -1 or received.run_from(length) > length:
            raise Malformed("length", "bytes beyond it are recorded")
        upload = replace(upload, length=length)
    if tags is not None:
        upload = replace(upload, tags=clean_tags(tags))
    return replace(upload, updated_at=now)
