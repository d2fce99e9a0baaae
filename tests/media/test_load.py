"""When what can wait has to wait."""

from __future__ import annotations

from media_service.media.inspection.load import BUSY, REST, WINDOW, Leisure


class Hands:
    """Two clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = 5.0
        self.leisure = Leisure(lambda: self.now, lambda: self.used)

    def work(self, seconds: float, share: float) -> bool:
        """Whether there is leisure after so many seconds in which the loop needed that share of a processor."""
        self.now += seconds * 1.001
        self.used += seconds * share
        return bool(self.leisure)


def test_at_first_and_beside_a_quiet_loop_there_is_time() -> None:
    hands = Hands()
    assert hands.leisure
    assert all(hands.work(WINDOW, BUSY * 0.9) for _ in range(20))


def test_a_busy_loop_is_left_alone_until_it_was_quiet_for_a_while() -> None:
    hands = Hands()
    assert not hands.work(WINDOW, 0.9)
    # Whoever rests cannot tell from the loop's quiet alone that it is over.
    assert not hands.work(REST * 0.5, 0.0)
    assert hands.work(REST * 0.6, 0.0)


def test_what_lasts_shorter_than_the_window_is_not_judged_by_itself() -> None:
    hands = Hands()
    assert hands.work(WINDOW * 0.1, 1.0)
    assert hands.work(WINDOW, 0.0)


def test_a_loop_that_stays_busy_stays_alone() -> None:
    hands = Hands()
    assert not any(hands.work(WINDOW, BUSY * 1.2) for _ in range(50))
