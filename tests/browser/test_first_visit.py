"""A first visit on a slow link: requests, input before the modules are loaded, and what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.page_objects import drop, state, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.browser.conftest import Visitor
    from tests.support.server import Server

BAD_LINE = {"offline": False, "latency": 400, "downloadThroughput": 125_000, "uploadThroughput": 125_000}
"""1 Mbit/s and 400 ms."""

FIRST_SECONDS, WARM_SECONDS = 2.0, 0.6
SLACK = 2.0
"""How many times as long it may take on a machine that is busy with other tests. With a request after the other it took
3.9 and 3.6 seconds on an idle one."""

NOTE_READY = """new MutationObserver(() => {
  if (document.documentElement.classList.contains('ready')) window.readyAt ??= performance.now() / 1000;
}).observe(document, { subtree: true, attributes: true, attributeFilter: ['class'] })"""
ASKED = """() => performance.getEntriesByType('resource')
  .filter((one) => one.transferSize > 0 && one.name.includes('/static/'))
  .map((one) => [one.startTime, one.responseEnd, one.name])"""
MAIN = "**/js/main.js"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="en-US")
    yield made
    made.close()


def visit(page: Page, url: str) -> float:
    """Return the seconds from navigation until the page is ready."""
    page.goto(url, wait_until="commit")
    page.locator("html.ready").wait_for()
    seconds: float = page.evaluate("readyAt")
    page.wait_for_load_state("networkidle")
    return seconds


def rounds(asked: list[tuple[float, float, str]]) -> int:
    """Return the number of sequential rounds of requests."""
    count, free = 0, 0.0
    for end, start in sorted((end, start) for start, end, _ in asked):
        if start >= free:
            count, free = count + 1, end
    return count


@pytest.mark.alone
def test_a_first_visit_takes_one_round_of_requests_and_the_next_one_none(
    server: Server, context: BrowserContext, capsys: pytest.CaptureFixture[str]
) -> None:
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", BAD_LINE)
    page.add_init_script(NOTE_READY)
    first = visit(page, server.url)
    asked = page.evaluate(ASKED)
    names = [name for _, _, name in asked]
    # The browser requests the icon by itself, and nothing waits for it.
    needed = [one for one in asked if not one[2].endswith("icon.svg")]
    assert rounds(needed) == 1, asked
    assert len(names) == len(set(names)), names
    assert len(needed) == 3, "the modules, the words, the Worker"
    warm = visit(page, server.url)
    assert page.evaluate(ASKED) == []
    with capsys.disabled():
        print(f"\nready after {first:.2f} s, on the next visit after {warm:.2f} s")
    assert first < FIRST_SECONDS * SLACK
    assert warm < WARM_SECONDS * SLACK


def test_a_browser_in_another_language_gets_its_words_in_the_same_round(server: Server, browser: Browser) -> None:
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.add_init_script(NOTE_READY)
    visit(page, server.url)
    names = {name.partition("/js/")[2] for _, _, name in page.evaluate(ASKED)}
    assert "words.ko.js" in names
    assert not names & {"words.en.js", "findings/words.en.js", "findings/words.ko.js"}
    context.close()


class Held:
    """The page's module, blocked until it is released or refused."""

    def __init__(self, page: Page) -> None:
        self.routes: list[Route] = []
        page.route(MAIN, self._hold)

    def _hold(self, route: Route) -> None:
        self.routes.append(route)

    def open(self, page: Page, url: str) -> None:
        """Open the page and wait until the early script has run and the page is visible."""
        page.goto(url, wait_until="commit")
        page.locator("main.scripted [data-ref=choose]").wait_for()
        until(lambda: self.routes, page)

    def go_on(self) -> None:
        """Release the blocked requests."""
        for route in self.routes:
            route.continue_()


def test_a_drop_before_the_modules_are_loaded_is_kept(
    server: Server, context: BrowserContext, mp3: Callable[..., Path]
) -> None:
    page = context.new_page()
    held = Held(page)
    held.open(page, server.url)
    drop(page, mp3("early.mp3"), mp3("bird.mp3"))
    expect(page.locator(".wait-for-page")).to_be_visible()
    assert len(context.pages) == 1
    assert page.url.rstrip("/") == server.url
    held.go_on()
    state(page, "early.mp3", "ready")
    state(page, "bird.mp3", "ready")
    expect(page.locator(".wait-for-page")).to_be_hidden()


def test_a_click_before_the_modules_are_loaded_opens_the_picker_and_its_file_is_kept(
    server: Server, context: BrowserContext, mp3: Callable[..., Path]
) -> None:
    page = context.new_page()
    page.add_init_script("delete window.showOpenFilePicker")
    held = Held(page)
    held.open(page, server.url)
    with page.expect_file_chooser() as chooser:
        page.locator("[data-ref=choose]").click()
    chooser.value.set_files(str(mp3("early.mp3")))
    held.go_on()
    state(page, "early.mp3", "ready")


def test_a_picker_opened_before_the_modules_are_loaded_is_awaited(server: Server, context: BrowserContext) -> None:
    page = context.new_page()
    # No test can use the browser's own picker.
    page.add_init_script("window.showOpenFilePicker = () => new Promise((resolve) => { window.answer = resolve; })")
    held = Held(page)
    held.open(page, server.url)
    page.locator("[data-ref=choose]").click()
    held.go_on()
    page.locator("html.ready").wait_for()
    page.evaluate("answer([{ kind: 'file', getFile: async () => new File(['x'], 'picked.mp3') }])")
    expect(page.locator(".row")).to_contain_text("picked.mp3")


def test_failed_modules_are_loaded_again_and_the_plain_form_stays_hidden(
    server: Server, context: BrowserContext, mp3: Callable[..., Path]
) -> None:
    page = context.new_page()
    failed: list[str] = []

    def fail_twice(route: Route) -> None:
        if len(failed) < 2:
            failed.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/words.en.js", fail_twice)
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => new MutationObserver(() => {"
        "  if (!document.documentElement.classList.contains('js')) window.wasPlain = true;"
        "}).observe(document.documentElement, { attributes: true }));"
    )
    page.goto(server.url)
    page.locator("html.ready").wait_for()
    assert len(failed) == 2
    assert page.evaluate("window.wasPlain") is None
    page.set_input_files("[data-ref=picker]", str(mp3("again.mp3")))
    state(page, "again.mp3", "ready")


def clocked(context: BrowserContext) -> Page:
    """Return a page whose clock a test can advance."""
    page = context.new_page()
    page.clock.install()
    return page


def test_a_slow_line_gets_the_plain_form_only_after_thirty_seconds(server: Server, context: BrowserContext) -> None:
    page = clocked(context)
    held = Held(page)
    held.open(page, server.url)
    page.clock.run_for(29_000)
    expect(page.locator("main.scripted")).to_be_visible()
    page.clock.run_for(2_000)
    expect(page.locator("main.plain")).to_be_visible()
    expect(page.locator("main.scripted")).to_be_hidden()


def test_a_plain_form_in_use_stays(server: Server, context: BrowserContext) -> None:
    page = clocked(context)
    held = Held(page)
    held.open(page, server.url)
    page.clock.run_for(31_000)
    page.locator(".plain input[name=name]").fill("Kim")
    held.go_on()
    page.clock.resume()
    page.wait_for_timeout(1_000)
    expect(page.locator("main.plain")).to_be_visible()
    expect(page.locator(".plain input[name=name]")).to_have_value("Kim")
    expect(page.locator("main.scripted")).to_be_hidden()


def test_a_kept_file_is_in_the_plain_form_if_the_modules_never_load(
    server: Server, context: BrowserContext, mp3: Callable[..., Path]
) -> None:
    page = clocked(context)
    page.route("**/main.js", lambda route: route.abort())
    page.goto(server.url)
    page.locator("main.scripted [data-ref=choose]").wait_for()
    drop(page, mp3("kept.mp3"))
    page.clock.run_for(29_000)
    expect(page.locator("main.plain")).to_be_visible()
    assert page.evaluate("document.querySelector('[name=mp3]').files[0].name") == "kept.mp3"


def test_a_module_that_is_loaded_later_shares_the_page_s_modules(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url, locale="ko-KR")
    folder = page.evaluate("document.querySelector('script[type=module]').src.replace('main.js', '')")
    said: Any = page.evaluate("async (folder) => (await import(`${folder}words.js`)).say('page.files')", folder)
    assert said == "내 파일"
