"""Without JavaScript the same page is a plain form."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor, as_admin
from tests.support.server import Server


def test_the_form_stores_a_file_without_javascript(server: Server, visitor: Visitor, mp3: Callable[..., Path]) -> None:
    page = visitor.visit(server.url, java_script_enabled=False)
    page.locator("input[name=name]").fill("Kim")
    page.locator(".plain summary").click()
    page.locator("input[name=title]").fill("Plain")
    page.set_input_files("input[name=mp3]", str(mp3("plain.mp3")))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading")).to_contain_text("Thank you")
    expect(page.locator("main")).to_contain_text("“plain.mp3” (156 KB, 0:10) is stored.")
    expect(page.locator("main")).to_contain_text("저장되었습니다")
    assert [path.name for path in (server.data / "spool" / "mp3").iterdir()] == ["plain.mp3"]


def test_a_refused_form_keeps_its_input_and_can_be_sent_again(
    server: Server, visitor: Visitor, mp3: Callable[..., Path], tmp_path: Path
) -> None:
    visitor.failed_loads_expected = True  # a refusal is a page with an error's status
    page = visitor.visit(server.url, java_script_enabled=False)
    wrong = tmp_path / "wrong.mp3"
    wrong.write_bytes(b"these are words\n" * 1000)
    page.locator("input[name=name]").fill("Kim")
    page.locator(".plain summary").click()
    page.locator("input[name=title]").fill('Night & "Day"')
    page.set_input_files("input[name=mp3]", str(wrong))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message")).to_contain_text("This is not an MP3 file.")
    expect(page.locator("input[name=name]")).to_have_value("Kim")
    expect(page.locator("input[name=title]")).to_have_value('Night & "Day"')
    page.set_input_files("input[name=mp3]", str(mp3("right.mp3")))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message")).to_contain_text("right.mp3")
    (file,) = as_admin(server, "files?limit=1")["files"]
    assert (file["title"], file["sender"]) == ('Night & "Day"', "Kim")


def test_the_browser_does_not_send_an_invalid_date(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url, java_script_enabled=False)
    page.locator(".plain summary").click()
    date = page.locator("input[name=date]")
    for text, fits in {"2026": True, "2026-11": True, "2026-11-23": True, "23.11.2026": False, "soon": False}.items():
        date.fill(text)
        expect(page.locator("input[name=date]:invalid")).to_have_count(0 if fits else 1)


def test_the_admin_says_that_it_needs_javascript(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(f"{server.url}/admin", java_script_enabled=False)
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator("main")).to_have_count(2)
    expect(page.locator("main:visible")).to_have_count(0)
