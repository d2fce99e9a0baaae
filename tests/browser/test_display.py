"""What the upload page shows and says: time left, progress, both languages, narrow and enlarged screens."""

import itertools
import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, Ask, Make, to_the_middle
from tests.browser.shown import seconds_left
from tests.support.server import Server


def test_time_left_is_hidden_at_first_and_right_after_five_seconds(
    line: SlowProxy, visitor: Visitor, mp3: Make
) -> None:
    line.rate = 1_000_000
    file = mp3("long.mp3", 5400)
    page = visitor.visit(line.url)
    pick(page, file)
    state(page, "long.mp3", "sending")
    began, sent = time.monotonic(), line.sent
    pace = row(page, "long.mp3").locator("[data-ref=pace]")
    page.wait_for_timeout(1500)
    assert pace.inner_text().strip() == ""
    page.wait_for_timeout(max(0.0, 1000 * (5 - (time.monotonic() - began))))
    until(lambda: "·" in pace.inner_text(), page)
    told = seconds_left(pace.inner_text())
    assert told is not None
    true = (file.stat().st_size - (line.sent - sent)) / line.rate
    assert abs(told - true) < 0.2 * true, (told, true)


def test_progress_is_in_the_title_of_the_tab(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("title.mp3", LONG))
    until(lambda: "%" in page.title(), page, 3)
    state(page, "title.mp3", "ready", 60)
    until(lambda: "%" not in page.title(), page, 3)


SPOKEN = """
    new MutationObserver(([change]) => {
        (globalThis.spoken ??= []).push([performance.now(), change.target.textContent]);
    }).observe(document.querySelector('[data-ref=live]'), { childList: true, characterData: true, subtree: true });
"""


@pytest.mark.long
def test_progress_is_announced_at_most_once_in_five_seconds(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    page.evaluate(f"() => {{{SPOKEN}}}")
    # Twice as long: progress is first announced five seconds after the file was added.
    pick(page, mp3("heard.mp3", 2 * LONG))
    until(lambda: "stored" in page.locator("[data-ref=live]").inner_text(), page, 60)
    times, texts = zip(*page.evaluate("spoken"), strict=True)
    assert texts[0] == "1 file added."
    assert texts[-1] == "“heard.mp3” is stored."
    assert all(re.fullmatch(r"\d+% sent\.", text) for text in texts[1:-1])
    assert len(texts) > 2
    assert min(after - before for before, after in itertools.pairwise(times)) > 4900


def test_korean_browsers_get_korean_words_and_the_switch_is_remembered(
    server: Server, visitor: Visitor, mp3: Make
) -> None:
    page = visitor.visit(server.url, locale="ko-KR")
    expect(page.get_by_role("heading", level=1)).to_have_text("오디오를 보내 주세요")
    pick(page, mp3("심야 방송.mp3"))
    expect(state(page, "심야 방송.mp3", "ready")).to_contain_text("방송국에 저장되었습니다")
    page.get_by_role("button", name="English").click()
    expect(row(page, "심야 방송.mp3")).to_contain_text("Stored at the station")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send us your audio")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_nothing_overflows_at_360_pixels(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    for locale in ("en-US", "ko-KR"):
        page = visitor.visit(line.url, locale=locale, viewport={"width": 360, "height": 700})
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) == 0
        name = f"{locale} a very long name without an end 아주 긴 이름 끝이 없는 이름 {'x' * 60}.mp3"
        pick(page, mp3(name, LONG))
        state(page, locale, "sending")
        row(page, locale).locator("[data-action=details]").click()
        assert page.evaluate(wide) == 0
        page.close()


def test_at_twice_the_size_without_colours_or_motion_everything_is_visible(
    line: SlowProxy, visitor: Visitor, mp3: Make
) -> None:
    """1280 pixels at 200 % are 640 CSS pixels; the system asks for forced colours and reduced motion."""
    page = visitor.visit(
        line.url,
        viewport={"width": 640, "height": 400},
        device_scale_factor=2,
        forced_colors="active",
        reduced_motion="reduce",
    )
    pick(page, mp3("plain to see.mp3", LONG))
    mine = state(page, "plain to see.mp3", "sending")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    for name in ("Details", "Pause", "Cancel"):
        box = button(page, name, "plain to see.mp3").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 640
    expect(mine.locator(".percent")).to_be_visible()
    safe, paper = (
        mine.locator(part).evaluate("element => getComputedStyle(element).backgroundColor")
        for part in (".safe", ".track")
    )
    assert safe != paper
    assert page.evaluate("document.getAnimations().length") == 0


def test_both_languages_have_the_same_texts(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    for folder in ("js", "js/admin", "js/findings"):
        english, korean = (
            page.evaluate(
                "async (path) => (await import(path)).default", f"{server.url}/static/{folder}/words.{tag}.js"
            )
            for tag in ("en", "ko")
        )
        assert list(english) == list(korean)
        for key in english:
            assert placeholders(english[key]) == placeholders(korean[key]), key


def placeholders(entry: str | dict[str, str]) -> set[str]:
    text = entry if isinstance(entry, str) else entry["other"]
    return set(re.findall(r"\{\w+\}", text))
