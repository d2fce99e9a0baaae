"""Decide which bytes an upload admits, before a body is read and before a slice is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.core.concatenation import is_concatenated
from media_service.core.errors.limits import FileTooLarge, SliceTooLarge, SliceTooSmall, TooManySlices
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import (
    LengthDiffers,
    NotWritable,
    OffsetMismatch,
    SliceDiffers,
    SpanOutside,
    SpanOverlaps,
)
from media_service.core.limits import Limits, check_length
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import COMPLETE_STATES, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.errors.base import Refusal
    from media_service.core.upload import Slice, Upload


@dataclass(frozen=True, slots=True)
class WriteWindow:
    """Where a writer may put bytes: from `start` to `limit` at most. `repeat`: they are all recorded already."""

    start: int
    limit: int
    repeat: bool = False


def admit(
    upload: Upload, received: Ranges, start: int, size: int | None, *, limits: Limits, dialect: str
) -> WriteWindow:
    """Return where a slice of `size` bytes from `start` may be written, before its body is read.

    A slice of a complete upload is a repeat: its first response was lost. With `size` None it may end anywhere up to
    the limit. Raise WrongState, UploadGone, SliceTooLarge, SpanOutside, SpanOverlaps.
    """
    complete = _is_complete(upload, dialect)
    if size is not None and size > limits.slice:
        raise SliceTooLarge(limits.slice)
    length = limits.file if upload.length is None else upload.length
    if start + (1 if size is None else size) > length:
        raise SpanOutside(start, length)
    if complete:
        return WriteWindow(start, length, repeat=True)
    run_end = received.run_from(start)
    if run_end > start:
        if size is not None and start + size > run_end:
            raise SpanOverlaps(start, run_end)
        return WriteWindow(start, run_end, repeat=True)
    limit = min(received.next_start(start, length), start + limits.slice, length)
    if size is not None and start + size > limit:
        raise SpanOverlaps(start, limit)
    return WriteWindow(start, limit)


def check_small(upload: Upload, received: Ranges, span: Span, limits: Limits) -> None:
    """Raise SliceTooSmall unless the slice fills a gap, ends the file, or may end one of unknown length."""
    if len(span) >= limits.min_slice or span.stop == upload.length:
        return
    next_start, is_contiguous = received.next_start(span.start, -1), span.start == 0 or received.touches(span)
    if next_start == span.stop or (upload.length is None and next_start == -1 and is_contiguous):
        return
    raise SliceTooSmall(limits.min_slice)


def check_count(count: int, received: Ranges, span: Span | None, limits: Limits) -> None:
    """Raise TooManySlices if the upload has the maximum of slices, or of separate ranges and `span` adds one."""
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
    """Check before its body is read that an append of `size` bytes (None if unknown) at `at` may begin.

    `length` is the file's length as the request states it, None if it does not. A complete upload admits an empty
    append at its end: a retry of the last one, whose response was lost. Raise WrongState, UploadGone, NotWritable,
    OffsetMismatch, LengthDiffers, SpanOutside, FileTooLarge, Malformed.
    """
    _is_complete(upload, dialect)
    if is_concatenated(upload):
        raise NotWritable
    check_offset(upload, received, at, dialect)
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


def check_offset(upload: Upload, received: Ranges, at: int, dialect: str) -> None:
    """Check that an append at `at` continues the upload. Raise WrongState, UploadGone, OffsetMismatch."""
    complete = _is_complete(upload, dialect)
    offset = upload.length if complete and upload.length is not None else received.offset
    if at != offset:
        raise OffsetMismatch(offset, at)


def _is_complete(upload: Upload, dialect: str) -> bool:
    """Return whether the upload is complete, False if it receives. Raise WrongState, UploadGone."""
    complete = upload.state in COMPLETE_STATES
    if upload.dialect != dialect or not (complete or upload.state is State.RECEIVING):
        raise upload.refusal()
    return complete


def announced_length(named: int | None, stop: int | None, *, last: bool) -> int | None:
    """Return the file's length if the request names it or is the last and ends at `stop`. Raise LengthDiffers."""
    if not last or stop is None:
        return named
    if named is not None and named != stop:
        raise LengthDiffers(named, stop)
    return stop


def overrun(upload: Upload, window: WriteWindow, limits: Limits) -> Refusal:
    """Return the refusal of a slice of unknown size that exceeds its window."""
    if upload.length is not None and window.limit == upload.length:
        return SpanOutside(window.start, window.limit)
    if window.repeat:
        return SpanOverlaps(window.start, window.limit)
    if upload.length is None and window.limit == limits.file:
        return FileTooLarge(limits.file)
    if window.limit == window.start + limits.slice:
        return SliceTooLarge(limits.slice)
    return SpanOverlaps(window.start, window.limit)


def check_record(upload: Upload, received: Ranges, piece: Slice) -> None:
    """Check a written slice again before it is recorded. Raise WrongState, UploadGone, SpanOutside, SpanOverlaps."""
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    span = Span(piece.start, piece.stop)
    if upload.length is not None and span.stop > upload.length:
        raise SpanOutside(span.start, upload.length)
    if received.overlaps(span):
        run_end = received.run_from(span.start)
        raise SpanOverlaps(span.start, run_end if run_end > span.start else received.next_start(span.start, span.stop))


def check_repeat(recorded: Iterable[Slice], piece: Slice) -> None:
    """Raise SliceDiffers if the digests show that other bytes are recorded."""
    for known in recorded:
        same_span = (known.start, known.stop) == (piece.start, piece.stop)
        if same_span and piece.digest and known.digest and piece.digest != known.digest:
            raise SliceDiffers(piece.start)
