"""The time left while the page sends over a simulated line, with its own sizes of slices and lanes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visitor
    from tests.support.server import Server

SEND = """async (line) => {
    const { Pace } = await import('/static/js/pace.js');
    const { Speed } = await import('/static/js/speed.js');
    const STEP_MS = 20;
    const pace = new Pace(4 * 1024 * 1024);
    const speed = new Speed(0, line.round_trip);
    const open = new Map();
    const told = [];
    let [now, sent, recorded, slices, third] = [0, 0, 0, 0, 0];
    // Its round trip and what goes wrong come first; then it shares the line with the others.
    const begin = (lane) => {
        const bytes = Math.min(line.length, (Math.floor(sent / pace.size) + 1) * pace.size) - sent;
        const number = slices + open.size;
        open.set(lane, { bytes, left: bytes, began: now, wait: line.round_trip + (line.delays[number] ?? 0) });
        speed.opened(lane, bytes, now);
        sent += bytes;
    };
    const flow = () => {
        const rate = line.rate * (now > line.changes_at ? line.factor : 1);
        const flowing = [...open.values()].filter(({ wait, left }) => wait <= 0 && left > 0);
        for (const slice of open.values()) slice.wait -= STEP_MS;
        for (const slice of flowing) slice.left -= (rate * STEP_MS) / 1000 / flowing.length;
    };
    const end = (lane, { bytes, began }) => {
        open.delete(lane);
        recorded += bytes;
        slices += 1;
        if (slices === 3) third = now / 1000;
        speed.recorded(lane, now);
        pace.recorded(bytes, now - began, speed.measured);
    };
    while (recorded < line.length) {
        for (let lane = 0; lane < pace.lanes && sent < line.length; lane += 1) if (!open.has(lane)) begin(lane);
        now += STEP_MS;
        flow();
        for (const [lane, slice] of [...open]) if (slice.wait <= 0 && slice.left <= 0) end(lane, slice);
        const rate = now % 500 === 0 ? speed.rate(now) : null;
        if (rate) told.push({ at: now / 1000, left: (line.length - recorded - speed.underWay(now)) / rate });
    }
    return { told, third, seconds: now / 1000 };
}"""
"""Send a file over a line that slices share; resolves to the time left each half second once it is told."""

ROUNDING_SECONDS = 5.0
NEAR_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """A simulated line: bytes per second, ms of a round trip, bytes of the file.

    `delays`: ms that a slice, by its number, takes longer. From `changes_at` ms on the rate is `factor` times as high.
    """

    rate: float
    round_trip: float
    length: float
    delays: dict[str, float] = field(default_factory=dict)
    changes_at: float = 1e9
    factor: float = 1.0

    @property
    def slice_ms(self) -> float:
        """Return the approximate duration of a slice."""
        return max(4000.0, 32768e3 / self.rate)


def error(sending: dict[str, Any], since: float = 0.0) -> float:
    """Return the largest relative error of the time left after `since`, beyond the page's rounding."""
    told = [one for one in sending["told"] if one["at"] >= since]
    left: list[tuple[float, float]] = [(one["left"], sending["seconds"] - one["at"]) for one in told]
    return max(max(0.0, abs(said - true) - ROUNDING_SECONDS) / true for said, true in left if true > NEAR_END_SECONDS)


@pytest.fixture
def page(server: Server, visitor: Visitor) -> Page:
    return visitor.visit(server.url)


RATES = [4_000, 8_000, 16_000, 37_500]
ROUND_TRIPS = [20, 200, 800]


DISTURBED = [((), 0.25), ((0,), 0.25), ((1,), 0.25), ((2,), 0.25), ((6,), 0.25), ((0, 1), 0.3), ((0, 2), 0.3)]
"""Slices that take twice as long, by their numbers, and the error that the time left may have."""


@pytest.mark.parametrize(("disturbed", "most"), DISTURBED, ids=str)
def test_the_time_left_is_right_from_the_third_slice_on(page: Page, disturbed: tuple[int, ...], most: float) -> None:
    wrong = {}
    for rate in RATES:
        for round_trip in ROUND_TRIPS:
            line = Line(rate, round_trip, 90 * rate)
            delays = {str(number): line.slice_ms for number in disturbed}
            sending = page.evaluate(SEND, asdict(line) | {"delays": delays})
            # It is read each half second, in which a fourth slice may be recorded too.
            shown_after = sending["told"][0]["at"] - sending["third"]
            if error(sending) > most or shown_after > 0.5:
                wrong[rate, round_trip] = error(sending), shown_after
    assert wrong == {}


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_a_changed_line_speed_is_detected_after_some_slices(page: Page, factor: float) -> None:
    for rate in (16_000, 37_500):
        line = Line(rate, 200, (40 + 160 * factor) * rate, changes_at=40_000, factor=factor)
        sending = page.evaluate(SEND, asdict(line))
        assert error(sending, since=40 + 45) <= 0.25, (rate, sending["seconds"])


def test_a_fast_line_shows_no_time_left_in_its_first_three_seconds(page: Page) -> None:
    sending = page.evaluate(SEND, asdict(Line(4e6, 20, 200e6)))
    assert sending["told"][0]["at"] == 3.0
    assert error(sending) <= 0.25
