"""The event loop counts as busy from a share of a processor on, and until a cooldown has passed."""

from __future__ import annotations

from media_service.media.inspection.load import LoadLimits, LoadMonitor

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
