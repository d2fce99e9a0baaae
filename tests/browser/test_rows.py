"""Rows on small screens, for screen readers and in forced colours: nothing wraps, moves or is cut."""

from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, recorded
from tests.support.mp3 import mislabel_title
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}
NAME = "Sunday Night with Kim and the very long guest list (final mix v3).mp3"


def height(page: Page, selector: str) -> float:
    return float(page.locator(selector).first.evaluate("element => element.getBoundingClientRect().height"))


def test_name_is_one_text_for_reading_copying_and_searching(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url, viewport=PHONE)
    pick(page, mp3(NAME))
    state(page, NAME, "ready")
    heading = page.get_by_role("heading", level=3, name=NAME, exact=True)
    expect(heading).to_have_count(1)
    copied = heading.evaluate("name => { getSelection().selectAllChildren(name); return getSelection().toString(); }")
    assert copied.rstrip("\n") == NAME
    assert page.evaluate("name => { getSelection().removeAllRanges(); return find(name); }", NAME)
    ends = page.locator(".name-tail").evaluate("tail => getComputedStyle(tail, '::before').content")
    assert ends.strip('"') == NAME[-10:]


def test_finished_file_takes_one_line_on_a_phone(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url, viewport=PHONE)
    pick(page, mp3(NAME), mp3("b.mp3"))
    state(page, NAME, "ready")
    state(page, "b.mp3", "ready")
    for name in (NAME, "b.mp3"):
        assert row(page, name).evaluate("row => row.getBoundingClientRect().height") < 52
        tops = row(page, name).evaluate(
            "row => ['.name', '.amount', '[data-action=dismiss]'].map((one) => {"
            " const box = row.querySelector(one).getBoundingClientRect(); return (box.top + box.bottom) / 2; })"
        )
        assert max(tops) - min(tops) < 4
    assert row(page, NAME).locator(".name-head").evaluate("head => head.offsetWidth") > 60, "a name can be recognised"
    expect(row(page, "b.mp3").locator(".status")).to_have_text("Done. Stored at the station.")
    button(page, "Dismiss", "b.mp3").click()
    expect(row(page, "b.mp3")).to_have_count(0)


def test_first_file_leaves_one_line_above_the_rows_of_a_phone(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url, viewport=PHONE)
    pick(page, mp3("a.mp3"))
    state(page, "a.mp3", "ready")
    assert height(page, ".hero") < 70
    for part in ("[data-ref=sender]", ".pick .main"):
        expect(page.locator(part)).to_be_in_viewport()
    expect(page.get_by_role("textbox", name="Your name (optional)")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send us your audio")


@pytest.mark.parametrize(("viewport", "most"), [(DESK, 0), (PHONE, 90)])
def test_button_stays_where_it_was_clicked(
    server: Server, visitor: Visitor, mp3: Make, viewport: ViewportSize, most: int
) -> None:
    page = visitor.visit(server.url, viewport=viewport)
    where = "button => button.getBoundingClientRect().top + scrollY"
    before = page.locator(".pick .main").evaluate(where)
    pick(page, mp3("a.mp3"))
    state(page, "a.mp3", "ready")
    assert before - most <= page.locator(".pick .main").evaluate(where) <= before


def test_drop_hint_is_hidden_on_touch_screens(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url, viewport=PHONE, has_touch=True, is_mobile=True)
    expect(page.get_by_text("drop them anywhere")).to_be_hidden()
    assert "rop" not in page.locator("main:visible").inner_text()


def test_percent_of_four_characters_stays_on_its_line(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url, viewport=DESK)
    pick(page, mp3("a.mp3", LONG))
    until(lambda: recorded(api) > 0, page)
    heights = page.locator(".row .percent").evaluate(
        "one => ['1%', '100%'].map((text) => { one.textContent = text;"
        " return [one.offsetHeight, one.closest('.row').offsetHeight]; })"
    )
    assert heights[0] == heights[1]


@pytest.mark.parametrize("language", ["English", "한국어"])
def test_buttons_of_a_waiting_row_are_on_one_line_and_apart(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask, language: str
) -> None:
    page = visitor.visit(line.url, viewport=DESK)
    line.rate = 1_500_000
    pick(page, mp3("a.mp3", LONG))
    until(lambda: recorded(api) >= 1_000_000, page)
    page.reload()
    state(page, "a.mp3", "needs_file")
    with page.expect_file_chooser() as chooser:
        page.locator("[data-action=choose]").click()
    chooser.value.set_files(str(mp3(NAME)))
    as_new = row(page, "a.mp3").locator("[data-action=as_new]")
    expect(as_new).to_contain_text("Send “Sunday Nig… v3).mp3” as a new file")
    page.get_by_role("button", name=language).click()
    # The texts of the other language are loaded after the click.
    expect(page.locator("[data-action=choose]")).to_contain_text({"English": "Choose", "한국어": "선택"}[language])
    boxes = page.locator(".actions button").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map(({ left, right, top }) => [left, right, top])"
    )
    assert len(boxes) == 5
    assert len({top for _, _, top in boxes}) == 1
    assert all(after[0] - before[1] >= 4 for before, after in pairwise(boxes))
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_progress_is_visible_in_forced_colours(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url, viewport=DESK, forced_colors="active")
    pick(page, mp3("a.mp3", LONG))
    until(lambda: recorded(api) >= 1_000_000, page)
    track = row(page, "a.mp3").locator(".track")
    colours = track.evaluate("one => [one, ...one.children].map((part) => getComputedStyle(part).backgroundColor)")
    assert len(set(colours)) == 3
    assert height(page, ".row .track") >= 8
    assert height(page, ".whole") >= 8
    name = page.locator(".name-text").evaluate("text => getComputedStyle(text).color")
    assert name == "rgba(0, 0, 0, 0)"
    assert page.locator("[data-ref=sender]").evaluate("one => getComputedStyle(one, '::placeholder').opacity") == "0"


def test_details_and_remark_of_a_finished_file_take_the_whole_width_of_a_phone(
    server: Server, visitor: Visitor, mp3: Make
) -> None:
    page = visitor.visit(server.url, viewport=PHONE)
    path = mp3("talk.mp3")
    mislabel_title(path, "밤의 음악 여행")
    pick(page, path)
    finished = state(page, "talk.mp3", "ready")
    expect(finished.locator("[data-ref=repair]")).to_be_visible()
    button(page, "Details", "talk.mp3").click()
    for part in (".what", ".more"):
        assert finished.locator(part).evaluate("one => one.offsetWidth") > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_sent_uploads_have_their_receipt_beside_them(
    server: Server, visitor: Visitor, mp3: Make, viewport: ViewportSize
) -> None:
    page = visitor.visit(server.url, viewport=viewport)
    pick(page, mp3("before.mp3"))
    state(page, "before.mp3", "ready")
    page.locator("[data-ref=sent-uploads] > summary").click()
    line = page.locator(".sent-line").first
    expect(line.locator(".status")).to_be_visible()
    boxes = line.evaluate(
        "line => ['.sent-facts', '[data-ref=show]', '.name'].map((part) => {"
        " const { left, right, top, bottom } = line.querySelector(part).getBoundingClientRect();"
        " return [left, right, top, bottom]; })"
    )
    for one, other in combinations(boxes, 2):
        assert one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
    assert boxes[1][1] > viewport["width"] - (viewport["width"] - line.evaluate("one => one.offsetWidth")) / 2 - 4
