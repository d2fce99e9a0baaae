"""Check how far ahead disk space is reserved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_service.core.reservation import FIRST_STEP_BYTES, MAX_STEP_BYTES, first_reservation, reservation_end

LENGTHS = st.integers(1, 2**40)


@given(LENGTHS, st.lists(st.integers(0, 2**30), max_size=30))
def test_never_more_is_reserved_ahead_than_came(length: int, sizes: list[int]) -> None:
    received, reserved = 0, first_reservation(length)
    for size in sizes:
        received = min(length, received + size)
        step = reservation_end(length, received, reserved)
        reserved = max(reserved, step)
        assert reserved <= min(length, 2 * received + FIRST_STEP_BYTES)
        assert step - reserved <= MAX_STEP_BYTES


@given(LENGTHS)
def test_an_upload_that_comes_in_order_gets_all_its_room(length: int) -> None:
    received = reserved = first_reservation(length)
    for _ in range(2**40 // MAX_STEP_BYTES + 100):
        if reserved == length:
            return
        step = reservation_end(length, received, reserved)
        assert step > reserved
        received = reserved = step
    raise AssertionError("it stands still")


def test_an_upload_of_unknown_length_begins_without_room() -> None:
    assert first_reservation(None) == 0
    assert first_reservation(100) == 100
