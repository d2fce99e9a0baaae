"""Without JavaScript the same page is a plain form."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.support.server import Server


def test_the_form_stores_a_file_without_javascript(server: Server, visitor: Visitor, mp3: Callable[..., Path]) -> None:
    visitor.failed_loads_expected = True  # the browser looks for a favicon of the form's answer
    page = visitor.visit(server.url, java_script_enabled=False)
    page.locator("input[name=name]").fill("Kim")
    page.locator("input[name=title]").fill("Plain")
    page.set_input_files("input[name=mp3]", str(mp3("plain.mp3")))
    page.get_by_role("button", name="Send").click()
    expect(page.locator("body")).to_contain_text("plain.mp3")
    assert [path.name for path in (server.data / "spool" / "mp3").iterdir()] == ["plain.mp3"]


def test_the_admin_says_that_it_needs_javascript(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(f"{server.url}/admin", java_script_enabled=False)
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator("main")).to_have_count(2)
    expect(page.locator("main:visible")).to_have_count(0)
