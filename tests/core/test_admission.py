"""Bytes that an upload admits, before a body is read and before a slice is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core import admission, edits, lifecycle
from media_service.core.admission import WriteWindow
from media_service.core.errors.limits import FileTooLarge, SliceTooLarge, SliceTooSmall, TooManySlices
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import (
    LengthDiffers,
    NotWritable,
    OffsetMismatch,
    SliceDiffers,
    SpanOutside,
    SpanOverlaps,
    UploadGone,
    WrongState,
)
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import Slice, Upload
from media_service.core.upload_states import ENDED, FINISHING, GONE, State
from tests.core.samples import LIMITS, RECORDED, admit, make_upload, spans

if TYPE_CHECKING:
    from media_service.core.errors.base import Refusal


NOT_RECEIVING = sorted(set(State) - {State.RECEIVING})


@pytest.mark.parametrize(
    ("start", "size", "room"),
    [
        (0, 40, WriteWindow(0, 50)),
        (0, 50, WriteWindow(0, 50)),
        (0, None, WriteWindow(0, 50)),
        (60, 40, WriteWindow(60, 100)),
        (120, 100, WriteWindow(120, 220)),
        (120, None, WriteWindow(120, 220)),
        (250, None, WriteWindow(250, 300)),
        (50, 10, WriteWindow(50, 60, repeat=True)),
        (52, 3, WriteWindow(52, 60, repeat=True)),
        (100, None, WriteWindow(100, 120, repeat=True)),
    ],
)
def test_a_slice_gets_the_room_up_to_what_is_recorded(start: int, size: int | None, room: WriteWindow) -> None:
    assert admit(start, size) == room


@pytest.mark.parametrize(
    ("start", "size", "refusal", "details"),
    [
        (120, 101, SliceTooLarge, {"limit": 100}),
        (250, 51, SpanOutside, {"start": 250, "length": 300}),
        (300, None, SpanOutside, {"start": 300, "length": 300}),
        (10**18, 1, SpanOutside, {"start": 10**18, "length": 300}),
        (0, 51, SpanOverlaps, {"start": 0, "edge": 50}),
        (55, 6, SpanOverlaps, {"start": 55, "edge": 60}),
    ],
)
def test_a_slice_that_does_not_fit_is_refused(
    start: int, size: int, refusal: type[Refusal], details: dict[str, int]
) -> None:
    with pytest.raises(refusal) as refused:
        admit(start, size)
    assert refused.value.details() == details


def test_a_slice_of_unknown_length_reaches_to_the_file_limit() -> None:
    upload = make_upload(length=None)
    assert admit(950, 50, upload=upload) == WriteWindow(950, 1000)
    with pytest.raises(SpanOutside):
        admit(950, 51, upload=upload)


@pytest.mark.parametrize("state", NOT_RECEIVING)
def test_only_a_receiving_upload_takes_anything(state: State) -> None:
    upload = make_upload(state=state)
    expected = UploadGone if state in GONE else WrongState
    with pytest.raises(expected):
        admission.check_record(upload, Ranges(), Slice(0, 1))
    with pytest.raises(expected):
        lifecycle.complete(upload, Ranges([Span(0, 300)]), 2)
    with pytest.raises(expected):
        edits.amend(upload, Ranges(), 2, LIMITS, tags={})


@pytest.mark.parametrize("state", sorted(FINISHING | {State.SPOOLED}))
def test_a_slice_of_a_complete_upload_is_a_repeat(state: State) -> None:
    assert admit(200, 100, upload=make_upload(state=state)) == WriteWindow(200, 300, repeat=True)
    with pytest.raises(SpanOutside):
        admit(250, 51, upload=make_upload(state=state))


@pytest.mark.parametrize("state", sorted(ENDED - {State.SPOOLED}))
def test_an_upload_that_ended_without_a_file_admits_nothing(state: State) -> None:
    with pytest.raises(UploadGone if state in GONE else WrongState):
        admit(0, 1, upload=make_upload(state=state))


@pytest.mark.parametrize("state", [State.RECEIVING, State.SPOOLED])
def test_another_dialect_is_refused(state: State) -> None:
    with pytest.raises(WrongState):
        admission.admit(make_upload(state=state), Ranges(), 0, 1, limits=LIMITS, dialect="tus")


@given(st.lists(spans, max_size=4), st.integers(0, 320), st.one_of(st.none(), st.integers(1, 120)))
def test_what_is_admitted_may_be_recorded_or_is_recorded_already(
    recorded: list[Span], start: int, size: int | None
) -> None:
    received, upload = Ranges(recorded), make_upload()
    try:
        room = admit(start, size, received)
    except (SliceTooLarge, SpanOutside, SpanOverlaps):
        return
    stop = room.limit if size is None else start + size
    assert start < stop <= room.limit
    if room.repeat:
        assert received.covers(Span(start, stop))
    else:
        admission.check_record(upload, received, Slice(start, stop))
        assert stop - start <= LIMITS.slice


@given(st.lists(spans, max_size=4), st.integers(0, 320))
def test_a_slice_beyond_its_window_is_refused_with_a_reason(recorded: list[Span], start: int) -> None:
    try:
        room = admit(start, None, Ranges(recorded))
    except SpanOutside:
        return
    refusal = admission.overrun(make_upload(), room, LIMITS)
    if isinstance(refusal, SpanOutside):
        assert room.limit == 300
    elif isinstance(refusal, SliceTooLarge):
        assert room.limit - room.start == LIMITS.slice
    else:
        assert isinstance(refusal, SpanOverlaps)
        assert room.repeat or any(span.start == room.limit for span in Ranges(recorded))


def test_a_file_without_length_may_not_grow_beyond_the_limit() -> None:
    assert isinstance(admission.overrun(make_upload(length=None), WriteWindow(950, 1000), LIMITS), FileTooLarge)


def test_a_record_beyond_the_length_is_refused() -> None:
    with pytest.raises(SpanOutside):
        admission.check_record(make_upload(), Ranges(), Slice(290, 301))


@given(st.lists(spans, max_size=4), spans)
def test_a_record_is_refused_exactly_when_a_byte_is_recorded(recorded: list[Span], span: Span) -> None:
    received, piece = Ranges(recorded), Slice(span.start, span.stop)
    upload = make_upload(length=320)
    if received.overlaps(span):
        with pytest.raises(SpanOverlaps):
            admission.check_record(upload, received, piece)
    else:
        admission.check_record(upload, received, piece)


@pytest.mark.parametrize(("start", "edge"), [(55, 60), (50, 60)])
def test_a_refused_record_names_the_same_edge_as_admission(start: int, edge: int) -> None:
    with pytest.raises(SpanOverlaps) as refused:
        admission.check_record(make_upload(), RECORDED, Slice(start, 70))
    assert refused.value.edge == edge


def test_a_repeat_with_another_digest_is_another_file() -> None:
    recorded = [Slice(0, 10, b"a" * 32), Slice(10, 20)]
    admission.check_repeat(recorded, Slice(0, 10, b"a" * 32))
    admission.check_repeat(recorded, Slice(0, 10))
    admission.check_repeat(recorded, Slice(10, 20, b"b" * 32))
    admission.check_repeat(recorded, Slice(0, 20, b"b" * 32))
    with pytest.raises(SliceDiffers) as refused:
        admission.check_repeat(recorded, Slice(0, 10, b"b" * 32))
    assert refused.value.start == 0


@given(st.lists(spans, max_size=4), st.integers(0, 320), st.integers(0, 320))
def test_an_append_begins_exactly_where_the_upload_goes_on(recorded: list[Span], at: int, size: int) -> None:
    received, upload = Ranges(recorded), make_upload()
    if at != received.offset:
        with pytest.raises(OffsetMismatch) as refused:
            admission.check_append(upload, received, at, size, length=None, limits=LIMITS, dialect="native")
        assert refused.value.offset == received.offset
    elif at + size > 300:
        with pytest.raises(SpanOutside):
            admission.check_append(upload, received, at, size, length=None, limits=LIMITS, dialect="native")
    else:
        admission.check_append(upload, received, at, size, length=None, limits=LIMITS, dialect="native")


@pytest.mark.parametrize("state", NOT_RECEIVING)
def test_a_complete_upload_admits_an_empty_append_at_its_end(state: State) -> None:
    upload = make_upload(state=state)
    given_at_end = ((300, 0), (300, None))
    for at, size in given_at_end:
        if state in FINISHING | {State.SPOOLED}:
            admission.check_append(upload, Ranges(), at, size, length=300, limits=LIMITS, dialect="native")
        else:
            with pytest.raises(type(upload.refusal())):
                admission.check_append(upload, Ranges(), at, size, length=None, limits=LIMITS, dialect="native")


@pytest.mark.parametrize(
    ("upload", "at", "size", "length", "refusal"),
    [
        (make_upload(), 0, 1, 299, LengthDiffers),
        (make_upload(length=None), 0, 1, 0, Malformed),
        (make_upload(length=None), 0, 1, 1001, FileTooLarge),
        (make_upload(length=None), 0, 1001, None, FileTooLarge),
        (make_upload(length=None), 0, 11, 10, SpanOutside),
        (make_upload(dialect="tus"), 0, 1, None, WrongState),
        (make_upload(protocol_fields={"concat": "final;a b"}), 0, 1, None, NotWritable),
    ],
)
def test_an_append_that_cannot_end_well_does_not_begin(
    upload: Upload, at: int, size: int, length: int | None, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        admission.check_append(upload, Ranges(), at, size, length=length, limits=LIMITS, dialect="native")


@pytest.mark.parametrize(
    ("named", "stop", "last", "length"),
    [(5, None, True, 5), (None, 7, True, 7), (7, 7, True, 7), (5, 3, False, 5), (None, 3, False, None)],
)
def test_a_request_tells_the_length_by_name_or_by_being_the_last(
    named: int | None, stop: int | None, last: bool, length: int | None
) -> None:
    assert admission.announced_length(named, stop, last=last) == length


def test_a_request_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(LengthDiffers):
        admission.announced_length(5, 6, last=True)


@pytest.mark.parametrize(
    ("length", "start", "stop", "allowed"),
    [
        (300, 0, 20, True),
        (300, 0, 19, False),
        (300, 130, 149, False),
        (300, 45, 50, True),
        (300, 60, 70, False),
        (300, 95, 100, True),
        (300, 299, 300, True),
        (None, 120, 121, True),
        (None, 130, 131, False),
        (None, 60, 61, False),
    ],
)
def test_a_small_slice_fills_a_gap_or_ends_the_file(length: int | None, start: int, stop: int, allowed: bool) -> None:
    limits = replace(LIMITS, min_slice=20)
    upload = make_upload(length=length)
    if allowed:
        admission.check_small(upload, RECORDED, Span(start, stop), limits)
    else:
        with pytest.raises(SliceTooSmall):
            admission.check_small(upload, RECORDED, Span(start, stop), limits)


def test_the_first_slice_of_a_file_without_a_length_may_be_all_of_it() -> None:
    admission.check_small(make_upload(length=None), Ranges(), Span(0, 1), replace(LIMITS, min_slice=20))


def test_slices_and_separate_ranges_are_counted() -> None:
    limits = replace(LIMITS, slices=5, ranges=2)
    admission.check_count(4, RECORDED, Span(60, 61), limits)
    admission.check_count(4, RECORDED, None, limits)
    with pytest.raises(TooManySlices):
        admission.check_count(4, RECORDED, Span(70, 71), limits)
    with pytest.raises(TooManySlices):
        admission.check_count(5, RECORDED, Span(60, 61), limits)
