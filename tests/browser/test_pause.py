"""A pause lets open slices end, so their bytes are not sent again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, state
from tests.browser.proxy import SlowProxy

PAUSES = 4


@pytest.mark.long
def test_four_pauses_on_a_slow_line_resend_at_most_a_tenth_of_the_file(
    line: SlowProxy, visitor: Visitor, mp3: Callable[..., Path]
) -> None:
    page = visitor.visit(line.url)
    line.rate, before = 150_000, line.sent
    file = mp3("pauses.mp3", 360)
    pick(page, file)
    mine = state(page, file.name, "sending")
    said = mine.locator("[data-ref=status]")
    for _ in range(PAUSES):
        state(page, file.name, "sending")
        page.wait_for_timeout(2000)
        button(page, "Pause", file.name).click()
        state(page, file.name, "paused")
        expect(said).to_have_text("Pausing…")
        expect(said).to_have_text("Paused", timeout=12_000)
        held = mine.locator("[data-ref=amount]").inner_text()
        page.wait_for_timeout(500)
        assert mine.locator("[data-ref=amount]").inner_text() == held
        button(page, "Resume", file.name).click()
    line.rate = 600_000
    state(page, file.name, "ready", 60)
    assert line.sent - before <= 1.1 * file.stat().st_size
