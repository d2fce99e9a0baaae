"""`core.ports.load.Load`: when the event loop is busy, when uploads arrive, how long a worker then pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.load import LoadLimits, LoadMonitor

LIMITS = LoadLimits()


class ManualClocks:
    """A load monitor with two clocks that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = 5.0
        self.load = LoadMonitor(lambda: self.now, lambda: self.used)

    def work(self, seconds: float, share: float) -> bool:
        """Return whether the loop counts as idle after `seconds` in which it used this share of a processor."""
        self.now += seconds * 1.001
        self.used += seconds * share
        return self.load.idle


def test_loop_is_idle_at_first_and_below_the_busy_share() -> None:
    clocks = ManualClocks()
    assert clocks.load.idle
    assert all(clocks.work(LIMITS.window_seconds, LIMITS.busy_share * 0.9) for _ in range(20))


def test_busy_loop_is_idle_only_after_the_cooldown() -> None:
    clocks = ManualClocks()
    assert not clocks.work(LIMITS.window_seconds, 0.9)
    assert not clocks.work(LIMITS.cooldown_seconds * 0.5, 0.0)
    assert clocks.load.idle_now
    assert clocks.work(LIMITS.cooldown_seconds * 0.6, 0.0)


def test_load_within_a_window_is_averaged() -> None:
    clocks = ManualClocks()
    assert clocks.work(LIMITS.window_seconds * 0.1, 1.0)
    assert clocks.work(LIMITS.window_seconds, 0.0)


def test_loop_above_the_busy_share_stays_busy() -> None:
    clocks = ManualClocks()
    assert not any(clocks.work(LIMITS.window_seconds, LIMITS.busy_share * 1.2) for _ in range(50))


def test_limits_can_be_replaced() -> None:
    used = iter([0.0, 0.05])
    now = iter([0.0, 0.1, 0.1])
    assert LoadMonitor(lambda: next(now), lambda: next(used), LoadLimits(busy_share=0.6)).idle


def test_uploads_arrive_until_a_moment_after_the_last_block() -> None:
    clocks, seen = ManualClocks(), []
    seen.append(clocks.load.receiving)
    for _ in range(2):
        clocks.load.note_receiving()
        clocks.now += LIMITS.receiving_seconds * 0.9
        seen.append(clocks.load.receiving)
    clocks.now += LIMITS.receiving_seconds * 0.2
    seen.append(clocks.load.receiving)
    assert seen == [False, True, True, False]


def test_all_workers_together_use_a_tenth_of_the_time_while_uploads_arrive() -> None:
    clocks = ManualClocks()
    assert clocks.load.pause_after(0.01, 2) == 0
    clocks.load.note_receiving()
    worked, workers = 0.01, 2
    pause = clocks.load.pause_after(worked, workers)
    assert pause == pytest.approx(0.18)
    assert workers * worked / (worked + pause) == pytest.approx(0.1, rel=0.1)


@given(
    seconds=st.floats(0, 1e9),
    workers=st.integers(1, 64),
    limits=st.builds(LoadLimits, pause_factor=st.floats(0, 1e6), max_pause_seconds=st.floats(0, 1e3)),
    since=st.floats(0, 1),
)
def test_pause_is_never_longer_than_the_maximum(seconds: float, workers: int, limits: LoadLimits, since: float) -> None:
    now = 100.0
    load = LoadMonitor(lambda: now, lambda: 0.0, limits)
    load.note_receiving()
    now += since
    pause = load.pause_after(seconds, workers)
    assert 0 <= pause <= limits.max_pause_seconds
    assert load.receiving or pause == 0
