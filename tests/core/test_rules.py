"""What may happen to an upload: create, admit, record, complete, amend."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core import admission, concatenation, edits, expiry, lifecycle
from media_service.core.admission import WriteWindow
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
    UploadGone,
    WrongState,
)
from media_service.core.lifecycle import UploadRequest
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import PublishIntent, Slice, Upload
from media_service.core.upload_states import ENDED, FINISHING, GONE, State
from tests.core.samples import LIMITS, make_upload

if TYPE_CHECKING:
    from media_service.core.errors.base import Refusal

NOT_RECEIVING = sorted(set(State) - {State.RECEIVING})
HELD = Ranges([Span(50, 60), Span(100, 120)])


def create(wish: UploadRequest) -> Upload:
    return lifecycle.create(wish, LIMITS, id="u", owner="local", dialect="native", now=5)


def admit(start: int, size: int | None, held: Ranges = HELD, upload: Upload | None = None) -> WriteWindow:
    return admission.admit(upload or make_upload(), held, start, size, limits=LIMITS, dialect="native")


def test_a_new_upload_is_receiving_and_clean() -> None:
    upload = create(UploadRequest("a\x00b.mp3", 10, sender=" Kim ", tags={"title": " Night ", "album": ""}))
    assert (upload.state, upload.filename, upload.sender) == (State.RECEIVING, "ab.mp3", "Kim")
    assert (upload.tags, upload.created_at, upload.updated_at) == ({"title": "Night"}, 5, 5)


def test_a_sender_of_blanks_is_none() -> None:
    assert create(UploadRequest("a.mp3", 10, sender=" \x00")).sender is None
    assert create(UploadRequest("a.mp3", 10, sender="")).sender is None


def test_a_file_may_be_as_large_as_the_limit_or_of_unknown_length() -> None:
    assert create(UploadRequest("a.mp3", 1000)).length == 1000
    assert create(UploadRequest("a.mp3", None)).length is None


@pytest.mark.parametrize(("length", "refusal"), [(1001, FileTooLarge), (0, Malformed), (-1, Malformed)])
def test_a_file_too_large_or_empty_is_refused(length: int, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        create(UploadRequest("a.mp3", length))


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
def test_a_slice_of_a_whole_upload_is_a_repeat(state: State) -> None:
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


spans = st.builds(lambda a, b: Span(min(a, b), max(a, b)), st.integers(0, 320), st.integers(0, 320))


@given(st.lists(spans, max_size=4), st.integers(0, 320), st.one_of(st.none(), st.integers(1, 120)))
def test_what_is_admitted_may_be_recorded_or_is_recorded_already(
    held: list[Span], start: int, size: int | None
) -> None:
    received, upload = Ranges(held), make_upload()
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
def test_a_slice_beyond_its_room_is_refused_with_a_reason(held: list[Span], start: int) -> None:
    try:
        room = admit(start, None, Ranges(held))
    except SpanOutside:
        return
    refusal = admission.overrun(make_upload(), room, LIMITS)
    if isinstance(refusal, SpanOutside):
        assert room.limit == 300
    elif isinstance(refusal, SliceTooLarge):
        assert room.limit - room.start == LIMITS.slice
    else:
        assert isinstance(refusal, SpanOverlaps)
        assert room.repeat or any(span.start == room.limit for span in Ranges(held))


def test_a_file_without_length_may_not_grow_beyond_the_limit() -> None:
    assert isinstance(admission.overrun(make_upload(length=None), WriteWindow(950, 1000), LIMITS), FileTooLarge)


def test_a_record_beyond_the_length_is_refused() -> None:
    with pytest.raises(SpanOutside):
        admission.check_record(make_upload(), Ranges(), Slice(290, 301))


@given(st.lists(spans, max_size=4), spans)
def test_a_record_is_refused_exactly_when_a_byte_is_held(held: list[Span], span: Span) -> None:
    received, piece = Ranges(held), Slice(span.start, span.stop)
    upload = make_upload(length=320)
    if received.overlaps(span):
        with pytest.raises(SpanOverlaps):
            admission.check_record(upload, received, piece)
    else:
        admission.check_record(upload, received, piece)


@pytest.mark.parametrize(("start", "edge"), [(55, 60), (50, 60)])
def test_a_refused_record_names_the_same_edge_as_admission(start: int, edge: int) -> None:
    with pytest.raises(SpanOverlaps) as refused:
        admission.check_record(make_upload(), HELD, Slice(start, 70))
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


@given(st.data())
def test_slices_of_any_partition_in_any_order_complete_an_upload(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 1000))
    cuts = sorted({*range(0, length, LIMITS.slice), length, *data.draw(st.lists(st.integers(0, length)))})
    pieces = data.draw(st.permutations(list(pairwise(cuts))))
    upload, received = make_upload(length=length), Ranges()
    for start, stop in pieces:
        assert not lifecycle.is_complete(upload, received)
        with pytest.raises(BytesMissing) as refused:
            lifecycle.complete(upload, received, 9)
        assert refused.value.offset == received.offset
        room = admit(start, stop - start, received, upload)
        assert not room.repeat
        admission.check_record(upload, received, Slice(start, stop))
        received = received.add(Span(start, stop))
    assert lifecycle.complete(upload, received, 9).state is State.RECEIVED


def test_an_upload_without_length_is_never_whole() -> None:
    assert not lifecycle.is_complete(make_upload(length=None), Ranges([Span(0, 1000)]))


def test_tags_change_while_bytes_are_awaited() -> None:
    amended = edits.amend(make_upload(tags={"title": "a"}), HELD, 8, LIMITS, tags={"artist": " b "})
    assert (amended.tags, amended.updated_at, amended.length) == ({"artist": "b"}, 8, 300)
    assert edits.amend(amended, HELD, 9, LIMITS, sender=" Kim\u202e ").sender == "Kim"
    assert edits.amend(make_upload(sender="Kim"), HELD, 9, LIMITS, tags={}).sender == "Kim"


@given(st.lists(spans, max_size=4), st.integers(1, 320))
def test_a_length_is_taken_exactly_when_no_byte_lies_beyond_it(held: list[Span], length: int) -> None:
    received, upload = Ranges(held), make_upload(length=None)
    if any(span.stop > length for span in received):
        with pytest.raises(Malformed):
            edits.amend(upload, received, 8, LIMITS, length=length)
    else:
        assert edits.amend(upload, received, 8, LIMITS, length=length) == replace(upload, length=length, updated_at=8)


@pytest.mark.parametrize(
    ("announced", "length", "refusal"),
    [(300, 301, LengthDiffers), (None, 0, Malformed), (None, 1001, FileTooLarge)],
)
def test_a_length_is_set_once_and_within_the_limits(announced: int | None, length: int, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        edits.amend(make_upload(length=announced), Ranges(), 8, LIMITS, length=length)


def test_the_same_length_again_is_no_change() -> None:
    assert edits.amend(make_upload(), HELD, 8, LIMITS, length=300).length == 300


@given(st.lists(spans, max_size=4), st.integers(0, 320), st.integers(0, 320))
def test_an_append_begins_exactly_where_the_upload_goes_on(held: list[Span], at: int, size: int) -> None:
    received, upload = Ranges(held), make_upload()
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
def test_a_whole_upload_takes_an_append_of_nothing_at_its_end(state: State) -> None:
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
    ("named", "stop", "last", "told"),
    [(5, None, True, 5), (None, 7, True, 7), (7, 7, True, 7), (5, 3, False, 5), (None, 3, False, None)],
)
def test_a_request_tells_the_length_by_name_or_by_being_the_last(
    named: int | None, stop: int | None, last: bool, told: int | None
) -> None:
    assert admission.announced_length(named, stop, last=last) == told


def test_a_request_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(LengthDiffers):
        admission.announced_length(5, 6, last=True)


def test_what_is_held_open_is_whole_only_when_it_is_concluded() -> None:
    upload, received = make_upload(defer_completion=True), Ranges([Span(0, 300)])
    assert not lifecycle.is_complete(upload, received)
    assert lifecycle.is_complete(lifecycle.conclude(upload, received, 8, LIMITS), received)
    unknown = make_upload(defer_completion=True, length=None)
    assert lifecycle.conclude(unknown, received, 8, LIMITS).length == 300
    with pytest.raises(LengthDiffers):
        lifecycle.conclude(upload, Ranges([Span(0, 299)]), 8, LIMITS)


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
        admission.check_small(upload, HELD, Span(start, stop), limits)
    else:
        with pytest.raises(SliceTooSmall):
            admission.check_small(upload, HELD, Span(start, stop), limits)


def test_the_first_slice_of_a_file_without_a_length_may_be_all_of_it() -> None:
    admission.check_small(make_upload(length=None), Ranges(), Span(0, 1), replace(LIMITS, min_slice=20))


def test_slices_and_separate_ranges_are_counted() -> None:
    limits = replace(LIMITS, slices=5, ranges=2)
    admission.check_count(4, HELD, Span(60, 61), limits)
    admission.check_count(4, HELD, None, limits)
    with pytest.raises(TooManySlices):
        admission.check_count(4, HELD, Span(70, 71), limits)
    with pytest.raises(TooManySlices):
        admission.check_count(5, HELD, Span(60, 61), limits)


def test_parts_are_listed_once_and_64_at_most() -> None:
    concatenation.check_part_names([str(number) for number in range(64)])
    for parts in (["a", "b", "a"], [str(number) for number in range(65)]):
        with pytest.raises(Malformed):
            concatenation.check_part_names(parts)


LATE = expiry.Lifetime(10, 100, 15)
PLACED = PublishIntent("show.mp3", 1, b"", {})


@pytest.mark.parametrize(
    ("state", "publish_intent", "now", "allowed"),
    [
        (State.RECEIVING, None, 10, False),
        (State.RECEIVED, None, 10**9, True),
        (State.VERIFIED, PLACED, 10**9, True),
        (State.SPOOLED, PLACED, 25, True),
        (State.SPOOLED, PLACED, 26, False),
        (State.SPOOLED, None, 10, False),
        (State.REJECTED, None, 10, False),
        (State.CANCELLED, None, 10, False),
        (State.EXPIRED, None, 10, False),
        (State.LOST, None, 10, False),
    ],
)
def test_details_of_a_whole_upload_change_until_a_while_after_its_end(
    state: State, publish_intent: PublishIntent | None, now: int, allowed: bool
) -> None:
    upload = make_upload(state=state, publish_intent=publish_intent, updated_at=10, tags={"title": "T"})
    if not allowed:
        with pytest.raises((WrongState, UploadGone)):
            edits.amend_complete(upload, now, LATE, sender="Larry")
        with pytest.raises((WrongState, UploadGone)):
            edits.with_late_cover(upload, None, now, LATE)
        return
    amended = edits.amend_complete(upload, now, LATE, tags={"title": " New "}, sender="Larry")
    assert (amended.sender, amended.tags, amended.state) == ("Larry", {"title": "New"}, state)
    assert amended.updated_at == 10


@pytest.mark.parametrize(
    ("old", "new", "carried", "given", "removed"),
    [
        ({}, {"title": "A"}, {}, {"title": "A"}, set()),
        ({"title": "A"}, {"title": "B"}, {"title": "A"}, {"title": "B"}, set()),
        ({"title": "A"}, {"title": "A"}, {"title": "Librarian's"}, {}, set()),
        ({"title": "A"}, {"title": "B"}, {"title": "Librarian's"}, {"title": "B"}, set()),
        ({"title": "A"}, {}, {"title": "A"}, {}, {"title"}),
        ({"title": "A"}, {}, {"title": "Librarian's"}, {}, set()),
        ({}, {"title": "A"}, {"title": "A"}, {}, set()),
        ({}, {}, {"title": "The file's own"}, {}, set()),
    ],
)
def test_a_late_edit_changes_in_the_file_what_the_sender_changed(
    old: dict[str, str], new: dict[str, str], carried: dict[str, str], given: dict[str, str], removed: set[str]
) -> None:
    changes = edits.tag_changes(make_upload(tags=old), make_upload(tags=new), carried)
    assert (dict(changes.given), set(changes.removed), bool(changes)) == (given, removed, bool(given or removed))
