"""A visit over an emulated link of 1 Mbit/s and 400 ms, with real connections and TCP windows."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.proxy import SlowProxy
from tests.browser.test_first_visit import NOTE_READY, rounds
from tests.conftest import missing
from tests.support.link import SERVER_ADDRESS, Link, Shape, missing_for_link

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.server import Server

BAD_LINE = Shape(1_000_000, delay=0.2)
WINDOW_BYTES = 10 * 1448
"""What TCP sends before the first acknowledgement (RFC 6928)."""

USABLE_SECONDS, READY_SECONDS, WARM_SECONDS = 2.0, 2.0, 0.6
SLACK = 2.0
"""Factor of time allowed on a machine that is busy with other tests."""

VISIT = """() => {
  const [page] = performance.getEntriesByType('navigation');
  const [shown] = performance.getEntriesByName('first-contentful-paint');
  const name = (one) => one.name.replace(/.*[/]js[/]/, '');
  const loaded = performance.getEntriesByType('resource')
    .filter((one) => one.transferSize > 0 && one.name.includes('/js/'));
  return {
    page: page.transferSize,
    usable: shown.startTime / 1000,
    ready: readyAt,
    modules: loaded.map((one) => [one.startTime, one.responseEnd, name(one)]),
    connecting: loaded.filter((one) => one.connectEnd > one.connectStart).map(name),
  };
}"""
"""`usable`: the page is shown, and the script in its markup keeps drops and clicks. `connecting`: modules that waited
for a connection of their own."""


@pytest.fixture
def link() -> Iterator[Link]:
    if lack := missing_for_link():
        missing(lack)
    with Link() as link:
        link.shape(BAD_LINE)
        yield link


@pytest.fixture
def page(link: Link, server: Server, browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Yield a page of a new browser at the other end of the link."""
    chromium = link.write_program(next(filter(None, map(shutil.which, NAMES))), tmp_path)
    rules = f"--host-resolver-rules=MAP localhost {SERVER_ADDRESS}"
    arguments = [argument for argument in ARGUMENTS if "host-resolver-rules" not in argument]
    with ExitStack() as stack:
        stack.enter_context(SlowProxy(server.url, listener=link.listener))
        distant = browser.browser_type.launch(executable_path=chromium, args=[*arguments, rules])
        stack.callback(distant.close)
        page = distant.new_page(locale="en-US")
        page.add_init_script(NOTE_READY)
        yield page


def visit(page: Page, link: Link) -> dict[str, Any]:
    page.goto(f"http://localhost:{link.port}", wait_until="commit")
    page.locator("html.ready").wait_for()
    page.wait_for_load_state("networkidle")
    seen: dict[str, Any] = page.evaluate(VISIT)
    return seen


def test_a_distant_page_is_usable_after_one_response_and_ready_after_one_more_round(
    link: Link, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    first = visit(page, link)
    assert first["page"] <= WINDOW_BYTES, "the page takes a round trip more"
    assert sorted(name for _, _, name in first["modules"]) == ["main.js", "words.en.js", "worker.js"]
    assert rounds(first["modules"]) == 1, first["modules"]
    assert "main.js" not in first["connecting"], "the modules come over the page's own connection, whose window is wide"
    assert link.received <= 52 * 1024
    received = link.received
    warm = visit(page, link)
    assert warm["modules"] == []
    assert warm["page"] <= 1024, "the page itself is not sent again"
    with capsys.disabled():
        print(f"\n1 Mbit/s, 400 ms: usable after {first['usable']:.2f} s, ready after {first['ready']:.2f} s")
        print(f"with {received} bytes; on the next visit after {warm['ready']:.2f} s")
    assert first["usable"] < USABLE_SECONDS * SLACK
    assert first["ready"] < READY_SECONDS * SLACK
    assert warm["ready"] < WARM_SECONDS * SLACK
