"""Ranges behave as a set of integers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.ranges import Ranges, Span

SIDE = 40
spans = st.builds(lambda a, b: Span(min(a, b), max(a, b)), st.integers(0, SIDE), st.integers(0, SIDE))
offsets = st.integers(0, SIDE + 2)


def bytes_of(recorded: list[Span]) -> set[int]:
    return {byte for span in recorded for byte in range(span.start, span.stop)}


def grown(recorded: list[Span]) -> Ranges:
    ranges = Ranges()
    for span in recorded:
        ranges = ranges.add(span)
    return ranges


def run_end(model: set[int], offset: int) -> int:
    while offset in model:
        offset += 1
    return offset


@given(st.lists(spans))
def test_adding_one_by_one_equals_adding_all_at_once(recorded: list[Span]) -> None:
    assert grown(recorded) == Ranges(recorded)
    assert hash(grown(recorded)) == hash(Ranges(recorded))


@given(st.lists(spans))
def test_spans_are_the_set_in_order_and_never_touch(recorded: list[Span]) -> None:
    ranges = grown(recorded)
    assert bytes_of(list(ranges)) == bytes_of(recorded)
    ordered = list(ranges)
    assert len(ordered) == len(ranges)
    assert all(left.stop < right.start for left, right in pairwise(ordered))
    assert all(len(span) for span in ordered)


@given(st.lists(spans))
def test_size_counts_bytes_once(recorded: list[Span]) -> None:
    assert grown(recorded).size == len(bytes_of(recorded))


@given(st.lists(spans))
def test_offset_ends_the_run_from_zero(recorded: list[Span]) -> None:
    assert grown(recorded).offset == run_end(bytes_of(recorded), 0)


@given(st.lists(spans), spans)
def test_covers_means_every_byte(recorded: list[Span], asked: Span) -> None:
    assert grown(recorded).covers(asked) == (bytes_of([asked]) <= bytes_of(recorded))


@given(st.lists(spans), spans)
def test_overlaps_means_some_byte(recorded: list[Span], asked: Span) -> None:
    assert grown(recorded).overlaps(asked) == bool(bytes_of([asked]) & bytes_of(recorded))


@given(spans, spans)
def test_two_spans_overlap_when_they_share_a_byte(one: Span, other: Span) -> None:
    assert one.overlaps(other) == other.overlaps(one) == bool(bytes_of([one]) & bytes_of([other]))


@given(st.lists(spans), st.integers(1, SIDE + 2))
def test_missing_is_the_rest_of_the_length_in_order(recorded: list[Span], length: int) -> None:
    missing = list(grown(recorded).missing(length))
    assert bytes_of(missing) == set(range(length)) - bytes_of(recorded)
    assert missing == list(Ranges(missing))


@given(st.lists(spans), offsets)
def test_run_ends_where_the_first_byte_is_missing(recorded: list[Span], offset: int) -> None:
    assert grown(recorded).run_from(offset) == run_end(bytes_of(recorded), offset)


@given(st.lists(spans), offsets)
def test_next_start_is_the_first_run_at_or_after(recorded: list[Span], offset: int) -> None:
    model = bytes_of(recorded)
    starts = [byte for byte in sorted(model) if byte - 1 not in model and byte >= offset]
    assert grown(recorded).next_start(offset, -1) == (starts[0] if starts else -1)


@given(st.lists(spans), spans)
def test_adding_leaves_the_old_value_alone(recorded: list[Span], more: Span) -> None:
    ranges = grown(recorded)
    before = list(ranges)
    ranges.add(more)
    assert list(ranges) == before


@given(st.data())
def test_any_partition_in_any_order_is_one_span(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 10_000))
    cuts = sorted({0, length, *data.draw(st.lists(st.integers(0, length)))})
    pieces = [Span(start, stop) for start, stop in pairwise(cuts)]
    assert list(grown(data.draw(st.permutations(pieces)))) == [Span(0, length)]


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (4, 3), (-2, -1)])
def test_no_span_is_negative(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="no span"):
        Span(start, stop)


def test_ranges_differ_from_what_is_no_ranges() -> None:
    assert Ranges([Span(0, 1)]) != [Span(0, 1)]


def test_ranges_show_their_spans() -> None:
    assert repr(Ranges([Span(0, 1)])) == "Ranges([Span(start=0, stop=1)])"


@given(st.lists(spans), spans)
def test_a_span_that_touches_makes_no_run_of_its_own(recorded: list[Span], span: Span) -> None:
    ranges = grown(recorded)
    if len(span) and not ranges.overlaps(span):
        assert ranges.touches(span) == (len(ranges.add(span)) <= len(ranges))
