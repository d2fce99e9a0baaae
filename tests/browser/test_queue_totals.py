"""Totals of many files, and the summary."""

import itertools
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import pick
from tests.browser.proxy import SlowProxy
from tests.browser.sending import Make, spooled
from tests.browser.shown import told
from tests.support.server import Server


@pytest.mark.long
def test_twenty_files_have_one_total_that_never_decreases_and_a_summary(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make
) -> None:
    line.rate = 600_000
    files = [mp3(f"part {k:02}.mp3", 10 + 2 * k) for k in range(20)]
    page = visitor.visit(line.url)
    # Drawing is not measured here.
    page.emulate_media(reduced_motion="reduce")
    pick(page, *files)
    seen: list[tuple[int, int, float, float, int | None]] = []
    titles: list[int] = []
    spoken: list[str] = []
    while "stored" not in (text := page.locator("[data-ref=sum]").inner_text()):
        if text:
            seen.append(told(text))
        if percent := re.match(r"(\d+)%", page.title()):
            titles.append(int(percent[1]))
        said = page.locator("[data-ref=live]").inner_text()
        spoken += [said] if said not in spoken else []
        page.wait_for_timeout(200)
        assert len(seen) < 1000
    expect(page.locator("[data-ref=sum]")).to_have_text("All 20 files are stored. You may close this page.")
    expect(page.locator("[data-ref=whole]")).to_be_hidden()
    assert page.title().startswith("Done")
    assert len(spooled(server)) == 20

    assert {files for _, files, *_ in seen} == {20}
    assert len({length for _, _, _, length, _ in seen}) == 1
    for before, after in itertools.pairwise(seen):
        assert after[0] >= before[0]
        assert after[2] >= before[2]
    assert titles == sorted(titles)
    tenths = [int(text[:-7]) for text in spoken if text.endswith("% sent.")]
    assert tenths == sorted(tenths)
    # How right it is depends on the load of the machine; tests/lines sees that on a shaped line.
    assert any(seconds is not None for *_, seconds in seen), seen


TOTALS = """
    async ([base, steps]) => {
        const { newUpload } = await import(`${base}/static/js/upload.js`);
        const { QueueTotals } = await import(`${base}/static/js/queue-totals.js`);
        const totals = new QueueTotals();
        return steps.map((step) => totals.count(step.map(([key, state, sent, length]) => newUpload({
            key, state, length, filename: `${key}.mp3`, hasFile: true, received: sent ? [[0, sent]] : [],
        }))));
    }
"""


def test_totals_over_all_final_states(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    steps = [
        [("a", "sending", 10, 100), ("b", "queued", 0, 100), ("c", "asking", 0, 50)],
        # Cleared finished uploads still count, refused ones as far as they were sent, cancelled ones not at all.
        [("b", "sending", 60, 100), ("c", "asking", 0, 50), ("d", "queued", 0, 30)],
        [("b", "refused", 60, 100), ("c", "cancelled", 0, 50), ("d", "tagging", 0, 30)],
        [("b", "refused", 60, 100), ("d", "ready", 30, 30)],
        # A new queue, in which the refused one still needs attention.
        [("b", "refused", 60, 100), ("d", "ready", 30, 30), ("e", "paused", 1, 40)],
        [("e", "elsewhere", 1, 40)],
    ]
    # Rows are counted before they are dismissed.
    steps.insert(1, [("a", "ready", 100, 100), *steps[0][1:]])
    seen = page.evaluate(TOTALS, [server.url, steps])
    names = ("done", "files", "sent", "length", "attention", "over", "paused")
    assert [tuple(one[name] for name in names) for one in seen] == [
        (1, 3, 10, 200, 1, False, False),
        (2, 3, 100, 200, 1, False, False),
        (2, 4, 160, 230, 1, False, False),
        (2, 3, 190, 190, 1, False, False),
        (3, 3, 190, 190, 1, True, False),
        (1, 2, 61, 100, 1, False, True),
        (0, 0, 0, 0, 0, True, False),
    ]
