"""Uploads sent from this browser are listed after a reload, with a receipt for each file."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import pick, row, state
from tests.support.server import Server

Make = Callable[..., Path]


def opened(page: Page) -> Locator:
    """Return the list, once it is shown."""
    page.get_by_text("Sent from this browser").click()
    lines = page.locator(".sent-line")
    expect(lines.first).to_be_visible()
    return lines


def test_sent_files_are_listed_after_a_reload_to_this_browser_only(
    server: Server, visitor: Visitor, mp3: Make, tmp_path: Path
) -> None:
    bad = tmp_path / "notes.mp3"
    bad.write_text("not a sound\n" * 5000)
    page = visitor.visit(server.url)
    pick(page, mp3("half an hour.mp3", 1800), bad)
    state(page, "half an hour.mp3", "ready")
    state(page, "notes.mp3", "rejected")
    page.reload()
    expect(page.locator(".row")).to_have_count(0)
    lines = opened(page)
    expect(lines).to_have_count(2)
    stored, refused = lines.filter(has_text="half an hour"), lines.filter(has_text="notes")
    expect(stored).to_contain_text("Stored")
    expect(stored.locator(".sent-facts")).to_contain_text("30:00 · 27 MB")
    expect(stored.locator("time")).to_have_text(re.compile(r"\d+:\d\d"))
    expect(refused).to_contain_text("this is not an MP3 file")
    page.get_by_role("button", name="한국어").click()
    expect(lines.filter(has_text="half an hour")).to_contain_text("저장됨")

    stranger = visitor.visit(server.url)
    stranger.wait_for_timeout(3000)
    expect(stranger.get_by_text("Sent from this browser")).to_be_hidden()


def test_a_receipt_names_the_bytes_and_can_be_copied_and_saved(server: Server, visitor: Visitor, mp3: Make) -> None:
    file = mp3("proof.mp3", 65)
    page = visitor.visit(server.url, timezone_id="Asia/Seoul")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pick(page, file)
    state(page, "proof.mp3", "ready")
    opened(page)
    page.get_by_role("button", name="Receipt: “proof.mp3”").click()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    text = page.locator(".receipt pre").inner_text()
    assert text.startswith("Receipt of an upload\nFile: proof.mp3\nResult: Stored\n")
    assert f"\nBytes: {file.stat().st_size}\nLength: 1:05\nSHA-256: {digest}\n" in text
    assert re.search(r"\nEnded: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+09:00\nUpload: [\w-]{22}\nSent to: http", text)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").strip() == text.strip()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a text file").click()
    assert download.value.suggested_filename == "proof - receipt.txt"
    assert Path(download.value.path()).read_text().strip() == text.strip()


def test_more_than_a_page_is_shown_on_demand_and_the_old_is_left_out(
    server: Server, visitor: Visitor, mp3: Make
) -> None:
    page = visitor.visit(server.url)
    pick(page, *(mp3(f"{k}.mp3", 0.2 + k / 10) for k in range(25)))
    expect(page.locator("[data-ref=sum]")).to_contain_text("All 25", timeout=60_000)
    lines = opened(page)
    expect(lines).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    expect(lines).to_have_count(25)
    expect(lines.nth(20).get_by_role("button")).to_be_focused()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.clock.set_fixed_time("2030-01-01T00:00:00Z")
    page.reload()
    page.clock.fast_forward(5000)
    page.wait_for_timeout(2000)
    expect(page.get_by_text("Sent from this browser")).to_be_hidden()


def test_a_new_end_is_added_to_the_open_list(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url)
    pick(page, mp3("one.mp3", 5))
    state(page, "one.mp3", "ready")
    lines = opened(page)
    expect(lines).to_have_count(1)
    pick(page, mp3("two.mp3", 6))
    expect(row(page, "two.mp3")).to_have_attribute("data-state", "ready")
    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("two.mp3")


def test_nothing_overflows_at_320_pixels(server: Server, visitor: Visitor, mp3: Make) -> None:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for locale, words in (("en-US", "Receipt"), ("ko-KR", "접수증")):
        page = visitor.visit(server.url, locale=locale, viewport={"width": 320, "height": 700})
        pick(page, *(mp3(f"{locale} {'아주 긴 이름 ' * 8}{k}.mp3", 3 + k) for k in range(4)))
        expect(page.locator("[data-ref=finished]")).to_be_visible()
        assert page.evaluate(wide) == 0
        page.locator("[data-ref=finished] summary").click()
        assert page.evaluate(wide) == 0
        page.locator("[data-ref=sent-uploads] > summary").click()
        page.locator(".sent-line").get_by_role("button", name=words).first.click()
        expect(page.locator(".receipt pre").first).to_be_visible()
        assert page.evaluate(wide) == 0
        page.close()
