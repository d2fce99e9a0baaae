"""What may happen to an upload: create, admit, record, complete, cancel. Each takes values and answers or refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from media_service.core.chapters import clean_chapters
from media_service.core.cover import CoverLimits
from media_service.core.details import check_details
from media_service.core.errors.limits import FileTooLarge, SliceTooLarge, SliceTooSmall, TooManySlices
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import (
    BytesMissing,
    LengthDiffers,
    NotWritable,
    OffsetMismatch,
    SliceDiffers,
    SpanOutside,
    SpanOverlaps,
)
from media_service.core.ranges import Ranges, Span
from media_service.core.tags import clean_tags
from media_service.core.text import clean_line
from media_service.core.upload import Slice, Upload
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, Event, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.errors.base import Refusal

CONCAT, PARTIAL, FINAL = "concat", "partial", "final;"
"""Under what an upload remembers how it is joined, and the two beginnings of what it remembers."""

MIN_SLICE_BYTES = 16 * 1024
"""Bytes of the smallest slice of the native dialect that neither fills a gap nor ends the file."""

MAX_SLICES = 100_000
"""Slices of one upload: 64 GiB in slices of 688 KiB."""

MAX_RANGES = 10_000
"""Separate ranges of one upload. Adding a slice copies them: 0.2 ms at this number, 3 ms at 100,000."""

MAX_PARTS = 64
"""Uploads that are joined into one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload may be: bytes of a file, bytes of a slice, the slice size proposed to clients, and its cover.

    `min_slice` in bytes, for dialects whose clients choose where a slice ends; `slices` and `ranges` are numbers.
    """

    file: int
    slice: int
    slice_size: int
    cover: CoverLimits = field(default_factory=CoverLimits)
    min_slice: int = 0
    slices: int = MAX_SLICES
    ranges: int = MAX_RANGES


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an upload waits for bytes: microseconds since the last came, and microseconds in all.

    `late_edits`: microseconds after its end for which its sender may change the details of a finished file.
    """

    idle: int
    whole: int
    late_edits: int = 0


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a client asks for when it creates an upload. `length` in bytes, None when it does not know yet.

    `defer_completion`, `protocol_fields` and `address` are the upload's.
    """

    filename: str
    length: int | None
    last_modified: int | None = None
    digest: bytes | None = None
    content_hash: bytes | None = None
    sender: str | None = None
    tags: Mapping[str, str] | None = None
    chapters: Sequence[Chapter] = ()
    defer_completion: bool = False
    protocol_fields: Mapping[str, str] | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class WriteWindow:
    """Where a writer may put bytes: from `start` to `limit` at most. `repeat`: they are all recorded already."""

    start: int
    limit: int
    repeat: bool = False


def create(wish: UploadRequest, limits: Limits, *, id: str, owner: str, dialect: str, now: int) -> Upload:
    """A new upload, receiving. Raises FileTooLarge, Malformed, DetailsTooLarge."""
    if wish.length is not None:
        check_length(wish.length, limits)
    upload = Upload(
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
        sender=clean_sender(wish.sender),
        tags=clean_tags(wish.tags or {}),
        chapters=clean_chapters(wish.chapters),
        defer_completion=wish.defer_completion,
        protocol_fields=wish.protocol_fields,
        address=wish.address,
    )
    return check_details(upload)


def clean_sender(sender: str | None) -> str | None:
    return clean_line(sender, "sender") or None if sender else None


def check_length(length: int, limits: Limits) -> None:
    """Raises FileTooLarge, or Malformed for a file without bytes."""
    if length > limits.file:
        raise FileTooLarge(limits.file)
    if length < 1:
        raise Malformed("length", "a file has at least one byte")


def admit(
    upload: Upload, received: Ranges, start: int, size: int | None, *, limits: Limits, dialect: str
) -> WriteWindow:
    """Where the writer of a slice of `size` bytes from `start` may write, before a byte of it was read.

    A slice of an upload that is whole already is a repeat: its first acknowledgement was lost on the way.
    With `size` None the slice may end anywhere up to the room's limit, and `record` checks again.
    Raises WrongState, UploadGone, SliceTooLarge, SpanOutside, SpanOverlaps.
    """
    whole = upload.state in COMPLETE_STATES
    if upload.dialect != dialect or not (whole or upload.state is State.RECEIVING):
        raise upload.refusal()
    if size is not None and size > limits.slice:
        raise SliceTooLarge(limits.slice)
    length = limits.file if upload.length is None else upload.length
    if start + (1 if size is None else size) > length:
        raise SpanOutside(start, length)
    if whole:
        return WriteWindow(start, length, repeat=True)
    held_to = received.run_from(start)
    if held_to > start:
        if size is not None and start + size > held_to:
            raise SpanOverlaps(start, held_to)
        return WriteWindow(start, held_to, repeat=True)
    limit = min(received.next_start(start, length), start + limits.slice, length)
    if size is not None and start + size > limit:
        raise SpanOverlaps(start, limit)
    return WriteWindow(start, limit)


def check_small(upload: Upload, received: Ranges, span: Span, limits: Limits) -> None:
    """Raise SliceTooSmall for a slice that a client cut too small: it may only fill a gap, or end the file.

    While the length is not known, any slice that goes on where the last one ended may be the end.
    """
    if len(span) >= limits.min_slice or span.stop == upload.length:
        return
    next_start, goes_on = received.next_start(span.start, -1), span.start == 0 or received.touches(span)
    if next_start == span.stop or (upload.length is None and next_start == -1 and goes_on):
        return
    raise SliceTooSmall(limits.min_slice)


def check_count(count: int, received: Ranges, span: Span | None, limits: Limits) -> None:
    """Raise TooManySlices if an upload of so many slices takes no more, or none that is apart from the others."""
    if count >= limits.slices:
        raise TooManySlices(limits.slices, "slices")
    if span is not None and len(received) >= limits.ranges and not received.touches(span):
        raise TooManySlices(limits.ranges, "separate ranges")


def check_append(
    upload: Upload,
    received: Ranges,
    at: int,
    size: int | None,
    *,
    length: int | None,
    limits: Limits,
    dialect: str,
) -> None:
    """Whether an append of `size` bytes (None: not known) at `at` may begin, before a byte of it was read.

    `length` is what the append says of the whole file, None for nothing. A whole upload takes an append of nothing at
    its end: the last one again, whose answer was lost.
    Raises WrongState, UploadGone, NotWritable, OffsetMismatch, LengthDiffers, SpanOutside, FileTooLarge, Malformed.
    """
    whole = upload.state in COMPLETE_STATES
    if upload.dialect != dialect or not (whole or upload.state is State.RECEIVING):
        raise upload.refusal()
    if is_concatenated(upload):
        raise NotWritable
    offset = upload.length if whole and upload.length is not None else received.offset
    if at != offset:
        raise OffsetMismatch(offset, at)
    if length is not None:
        check_length(length, limits)
        if upload.length not in (None, length):
            raise LengthDiffers(upload.length or 0, length)
        if length < at:
            raise Malformed("length", "bytes beyond it are recorded")
    stop, known = at + (size or 0), upload.length or length
    if known is not None and stop > known:
        raise SpanOutside(at, known)
    if stop > limits.file:
        raise FileTooLarge(limits.file)


def announced_length(named: int | None, stop: int | None, *, last: bool) -> int | None:
    """What a request tells of the whole file's length: by naming it, or by being the last and ending at `stop`.

    Raises LengthDiffers.
    """
    if not last or stop is None:
        return named
    if named is not None and named != stop:
        raise LengthDiffers(named, stop)
    return stop


def is_concatenated(upload: Upload) -> bool:
    """Whether the upload's bytes come from other uploads instead of from its client."""
    return (upload.protocol_fields or {}).get(CONCAT, "").startswith(FINAL)


def is_part(upload: Upload) -> bool:
    """Whether the upload waits to be joined with others."""
    return (upload.protocol_fields or {}).get(CONCAT) == PARTIAL


def is_resumable(upload: Upload) -> bool:
    """Whether a client can go on with the upload when the request that began it was cut."""
    return upload.dialect != "form" and not is_concatenated(upload)


def check_part_names(parts: Sequence[str]) -> None:
    """Raise Malformed for a part that is listed twice, or for more parts than are joined."""
    if len(parts) > MAX_PARTS:
        raise Malformed(CONCAT, f"it may list up to {MAX_PARTS} parts")
    if len(set(parts)) < len(parts):
        raise Malformed(CONCAT, "it lists a part twice")


def check_parts(parts: Iterable[tuple[Upload, Ranges]], limits: Limits) -> int:
    """The length of these uploads joined. Raises Malformed, BytesMissing, WrongState, UploadGone, FileTooLarge."""
    length = 0
    for upload, received in parts:
        if upload.state is not State.RECEIVING:
            raise upload.refusal()
        if not is_part(upload) or upload.length is None:
            raise Malformed(CONCAT, "it names an upload that is no part of known length")
        if not received.covers(Span(0, upload.length)):
            raise BytesMissing(received.offset)
        length += upload.length
    check_length(length, limits)
    return length


def conclude(upload: Upload, received: Ranges, now: int, limits: Limits) -> Upload:
    """The upload of which the client says that every byte was sent. Raises as `amend` does."""
    concluded = amend(upload, received, now, limits, length=received.offset)
    return replace(concluded, defer_completion=False)


def expires_at(upload: Upload, lifetime: Lifetime) -> int:
    """When an unfinished upload ends: every slice moves that on, but never beyond the end of its whole lifetime.

    Without that end an upload that trickles could hold its room on the disk for ever.
    """
    return min(upload.updated_at + lifetime.idle, deadline_at(upload, lifetime))


def deadline_at(upload: Upload, lifetime: Lifetime) -> int:
    """When an unfinished upload ends even if bytes are coming just then."""
    return upload.created_at + lifetime.whole


def overrun(upload: Upload, room: WriteWindow, limits: Limits) -> Refusal:
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


def is_complete(upload: Upload, received: Ranges) -> bool:
    """Whether every byte of the announced length is recorded, and nobody has still to say so."""
    return upload.length is not None and not upload.defer_completion and received.covers(Span(0, upload.length))


def complete(upload: Upload, received: Ranges, now: int) -> Upload:
    """The upload with all its bytes, ready to be verified. Raises WrongState, UploadGone, BytesMissing."""
    if upload.state is State.RECEIVING and not is_complete(upload, received):
        raise BytesMissing(received.offset)
    return upload.step(Event.COMPLETE, now)


def amend(
    upload: Upload,
    received: Ranges,
    now: int,
    limits: Limits,
    *,
    tags: Mapping[str, str] | None = None,
    chapters: Sequence[Chapter] | None = None,
    length: int | None = None,
    sender: str | None = None,
) -> Upload:
    """The upload with other tags, chapters or another sender, or with the length it did not have.

    Only while bytes are awaited: what may change afterwards, and how, is for `amend_complete`.
    Raises WrongState, UploadGone, Malformed, LengthDiffers, FileTooLarge, DetailsTooLarge.
    """
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    if length is not None and length != upload.length:
        if upload.length is not None:
            raise LengthDiffers(upload.length, length)
        check_length(length, limits)
        if received.next_start(length, -1) != -1 or received.run_from(length) > length:
            raise Malformed("length", "bytes beyond it are recorded")
        upload = replace(upload, length=length)
    if tags is not None:
        upload = check_details(replace(upload, tags=clean_tags(tags)))
    if chapters is not None:
        upload = check_details(replace(upload, chapters=clean_chapters(chapters)))
    if sender is not None:
        upload = replace(upload, sender=clean_sender(sender))
    return replace(upload, updated_at=now)


def editable_until(upload: Upload, lifetime: Lifetime) -> int | None:
    """Return until when the details of a finished file may change; None unless the upload has a file of its own.

    An upload that leads to another one's file was never given a name.
    """
    if upload.state is not State.SPOOLED or upload.publish_intent is None:
        return None
    return upload.updated_at + lifetime.late_edits


def check_editable(upload: Upload, now: int, lifetime: Lifetime) -> None:
    """Whether the details of an upload that is whole may still change. Raises WrongState, UploadGone."""
    if upload.state in FINISHING:
        return
    until = editable_until(upload, lifetime)
    if until is None or now > until:
        raise upload.refusal()


def amend_complete(
    upload: Upload,
    now: int,
    lifetime: Lifetime,
    *,
    tags: Mapping[str, str] | None = None,
    chapters: Sequence[Chapter] | None = None,
    sender: str | None = None,
) -> Upload:
    """The whole upload with other tags, chapters or another sender.

    `updated_at` stays: of a finished upload it is the end. Raises WrongState, UploadGone, Malformed, DetailsTooLarge.
    """
    check_editable(upload, now, lifetime)
    if tags is not None:
        upload = check_details(replace(upload, tags=clean_tags(tags)))
    if chapters is not None:
        duration = None if upload.facts is None else upload.facts.duration
        upload = check_details(replace(upload, chapters=clean_chapters(chapters, duration)))
    if sender is not None:
        upload = replace(upload, sender=clean_sender(sender))
    return upload


@dataclass(frozen=True, slots=True)
class TagChanges:
    """What a sender's late edit changes in a file: tags with their new values, and tags that are taken away."""

    given: Mapping[str, str]
    removed: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.given or self.removed)


def tag_changes(before: Upload, after: Upload, carried: Mapping[str, str]) -> TagChanges:
    """Return what turns the file of `before`, which carries these tags, into that of `after`.

    Only what the sender changed counts: a tag that a librarian edited meanwhile stays unless the sender changed it too.
    A tag that the sender takes back is taken out of the file if it still says what the sender wrote.
    """
    old, new = before.tags or {}, after.tags or {}
    given = {key: text for key, text in new.items() if old.get(key) != text}
    removed = frozenset(key for key, text in old.items() if key not in new and carried.get(key) == text)
    return TagChanges({key: text for key, text in given.items() if carried.get(key) != text}, removed)


def with_cover(upload: Upload, cover: Cover | None, now: int) -> Upload:
    """The upload with this cover, or without one; it may change as long as its tags. Raises WrongState, UploadGone."""
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    return replace(upload, cover=cover, updated_at=now)


def with_late_cover(upload: Upload, cover: Cover | None, now: int, lifetime: Lifetime) -> Upload:
    """The whole upload with this cover, or without one. Raises WrongState, UploadGone."""
    check_editable(upload, now, lifetime)
    return replace(upload, cover=cover)
