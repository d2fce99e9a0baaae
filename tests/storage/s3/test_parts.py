"""The plan of an object's parts: every byte once and in order, within the limits of S3, little of it sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.files import ObjectRange
from media_service.core.limits import MAX_SLICES
from media_service.storage.s3.parts import (
    MAX_COPY_BYTES,
    MAX_OBJECT_BYTES,
    MAX_PARTS,
    MIB,
    MIN_PART_BYTES,
    Joined,
    LocalRange,
    Part,
    Piece,
    plan_parts,
    size_of,
)

GIB = 1024 * MIB
SIZES = st.one_of(
    st.integers(0, 64),
    st.integers(0, 2 * MIN_PART_BYTES),
    st.integers(MIN_PART_BYTES - 2, MIN_PART_BYTES + 2),
    st.integers(0, 3 * GIB),
)


@st.composite
def ranges(draw: st.DrawFn) -> ObjectRange:
    start = draw(st.integers(0, 1000))
    return ObjectRange(draw(st.sampled_from("abc")), start, start + draw(SIZES))


PIECES = st.lists(
    st.one_of(ranges(), ranges(), st.builds(LocalRange, st.integers(0, 9), st.just(0), SIZES)), max_size=12
)


def pieces_of(parts: list[Part]) -> list[Piece]:
    return [piece for part in parts for piece in (part.pieces if isinstance(part, Joined) else [part])]


def bounds(pieces: list[Piece]) -> list[tuple[str | int, int, int]]:
    """Return what the pieces are ranges of, without empty ones, and with neighbours made one."""
    made: list[tuple[str | int, int, int]] = []
    for piece in filter(size_of, pieces):
        start = piece.start
        if made and made[-1][0] == piece.key and made[-1][2] == start:
            start = made.pop()[1]
        made.append((piece.key, start, piece.stop))
    return made


def size(part: Part) -> int:
    return sum(map(size_of, part.pieces)) if isinstance(part, Joined) else size_of(part)


def sent(parts: list[Part]) -> int:
    return sum(size(part) for part in parts if isinstance(part, Joined))


@given(PIECES)
def test_parts_are_the_pieces_in_order_and_within_the_limits(pieces: list[Piece]) -> None:
    parts = plan_parts(pieces)
    assert bounds(pieces_of(parts)) == bounds(pieces)
    assert len(parts) <= MAX_PARTS
    smallest = max(MIN_PART_BYTES, sum(map(size_of, pieces)) // MAX_PARTS)
    assert all(size(part) >= smallest for part in parts[:-1])
    assert all(
        size(part) < 2 * smallest + 2 if isinstance(part, Joined) else size(part) <= MAX_COPY_BYTES for part in parts
    )
    assert all(parts)


@given(PIECES)
def test_only_bytes_and_what_is_beside_something_small_is_sent(pieces: list[Piece]) -> None:
    smallest = max(MIN_PART_BYTES, sum(map(size_of, pieces)) // MAX_PARTS + 2)
    small = [stop - start for owner, start, stop in bounds(pieces) if isinstance(owner, int) or stop - start < smallest]
    # Each of them takes a part's worth of what follows it with it, and a rest that is too small to be copied.
    assert sent(plan_parts(pieces)) <= sum(small) + 2 * smallest * len(small)


@pytest.mark.parametrize("slice_bytes", [MIN_PART_BYTES, 8 * MIB, 64 * MIB])
@pytest.mark.parametrize("cut", [0, 2000, 3 * MIB])
def test_tagging_sends_at_most_two_parts_however_long_the_file(slice_bytes: int, cut: int) -> None:
    slices = [ObjectRange(str(start), 0, slice_bytes) for start in range(0, 8 * GIB, slice_bytes)]
    parts = plan_parts([LocalRange(0, 0, 4000), ObjectRange("0", cut, slice_bytes), *slices[1:]])
    assert sent(parts) < 2 * MIN_PART_BYTES + 4000


def test_one_object_is_copied_whole() -> None:
    whole = ObjectRange("a", 0, 1000)
    assert plan_parts([whole]) == [whole]
    assert sent(plan_parts([ObjectRange("a", 0, 10 * GIB)])) == 0


def test_small_slices_are_joined_to_no_more_parts_than_allowed() -> None:
    slices: list[Piece] = [ObjectRange(str(index), 0, 688 * 1024) for index in range(MAX_SLICES)]
    parts = plan_parts(slices)
    assert len(parts) <= MAX_PARTS
    assert pieces_of(parts) == slices


def test_slices_of_the_smallest_part_are_joined_if_there_were_too_many() -> None:
    slices: list[Piece] = [ObjectRange(str(index), 0, MIN_PART_BYTES) for index in range(2 * MAX_PARTS)]
    parts = plan_parts(slices)
    assert len(parts) <= MAX_PARTS
    assert bounds(pieces_of(parts)) == bounds(slices)


def test_too_large_object_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        plan_parts([ObjectRange("a", 0, MAX_OBJECT_BYTES), LocalRange(0, 0, 1)])
