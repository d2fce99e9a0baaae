"""Minimum rate of a body."""

from __future__ import annotations

from media_service.core.rate import RateFloor


def test_a_window_with_enough_bytes_is_met_however_they_came() -> None:
    floor = RateFloor(256, 60, 0)
    # A line of 16 kbit/s that stalls for 50 seconds of each minute.
    assert all(floor.count(2000, minute * 60 + second) for minute in range(5) for second in range(10))


def test_a_byte_now_and_then_is_not_enough() -> None:
    floor = RateFloor(256, 60, 0)
    assert floor.count(1, 59)
    assert not floor.count(1, 61)


def test_what_came_in_one_window_does_not_count_in_the_next() -> None:
    floor = RateFloor(256, 60, 0)
    assert floor.count(1_000_000, 60)
    assert not floor.count(1, 120)


def test_without_a_rate_everything_is_fast_enough() -> None:
    assert RateFloor(0, 60, 0).count(0, 1000)
