"""A librarian's day with 10,000 files, in one page: find, trash and undo, take a rejected file, cancel an upload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from bench.library_server import library_server
from tests.browser.conftest import Visitor, as_admin
from tests.browser.desk import ask
from tests.browser.page_objects import pick, press_on, sign_in, state, until
from tests.browser.proxy import SlowProxy
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator

    from tests.support.server import Server

FILES = 10_000
SENT = {"Needle in the hay": "Kim", "Evening Talk": "Lee", "Morning Talk": "Lee"}
"""Titles of files that are sent, the newest last, with their senders."""

TITLE = "[data-ref=table] tbody .title"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with many files."""
    with library_server(tmp_path_factory.mktemp("library") / "data", FILES) as running:
        yield running


@pytest.fixture(scope="module")
def visits(browser: Browser) -> Iterator[Visitor]:
    """Yield a visitor whose pages the tests share."""
    visiting = Visitor(browser, failed_loads_expected=True)
    yield visiting
    for context in visiting.contexts:
        context.close()


@pytest.fixture(scope="module")
def opened(server: Server, visits: Visitor, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the admin page, after the files of SENT were sent."""
    folder = tmp_path_factory.mktemp("sent")
    page = visits.visit(server.url)
    for number, (title, sender) in enumerate(SENT.items()):
        file = folder / f"{title}.mp3"
        file.write_bytes(make_mp3(5 + number, {"title": title, "artist": "Somebody"}, seed=7000 + number))
        page.locator("[data-ref=sender]").fill(sender)
        pick(page, file)
        state(page, file.name, "ready")
    page.goto(f"{server.url}/admin#token={server.token}")
    page.locator("html.ready").wait_for()
    return page


@pytest.fixture
def page(opened: Page, visits: Visitor) -> Iterator[Page]:
    """Return the page with all files listed; fail if it had an error."""
    # After another page was in front, timers of this one are slow.
    opened.bring_to_front()
    opened.evaluate("location.hash = '#files'")
    expect(opened.locator(TITLE).first).to_be_visible()
    until(lambda: opened.locator("[data-ref=frame]").get_attribute("aria-busy") == "false", opened)
    opened.evaluate("scrollTo(0, 0)")
    yield opened
    assert visits.complaints == []


def titles(page: Page) -> list[str]:
    return page.locator(TITLE).all_inner_texts()


def toast(page: Page) -> Locator:
    return page.locator(".toast.shown")


def test_the_start_page_says_what_came_and_leads_there(page: Page) -> None:
    page.get_by_role("link", name="Overview").click()
    arrived = page.locator("[data-name=today]")
    expect(arrived.locator("strong")).to_have_text("3")
    expect(page.get_by_role("meter", name="Disk")).to_be_visible()
    arrived.click()
    expect(page.locator("[data-ref=total]")).to_have_text("3 files")
    assert titles(page) == [*SENT][::-1]
    expect(page.locator("[data-chip=date]")).to_contain_text("Today")
    page.get_by_role("button", name="Remove filter: Today").click()
    expect(page.locator("[data-ref=total]")).to_have_text("10,003 files")


def test_what_was_looked_for_is_in_the_url_and_survives_reload_and_back(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("needle")
    expect(page.locator("[data-ref=total]")).to_have_text("1 file")
    assert titles(page) == ["Needle in the hay"]
    assert page.url.endswith("#files?q=needle")
    page.reload()
    expect(page.locator("[data-ref=total]")).to_have_text("1 file")
    expect(page.get_by_role("searchbox")).to_have_value("needle")
    page.get_by_role("searchbox").fill("talk")
    page.get_by_role("button", name="Sender").click()
    page.get_by_label("Name of the sender").fill("Lee")
    page.keyboard.press("Enter")
    expect(page.locator("[data-ref=total]")).to_have_text("2 files")
    assert page.url.endswith("#files?q=talk&sender=Lee")
    page.go_back()
    expect(page.locator("[data-chip=sender]")).to_have_attribute("data-set", "no")
    expect(page.get_by_role("searchbox")).to_have_value("talk")


def test_rows_are_added_while_scrolling_and_none_is_built_again(page: Page, server: Server) -> None:
    first = page.locator(TITLE).first.element_handle()
    row_count = "document.querySelectorAll('[data-ref=table] tbody tr').length"
    while page.evaluate(row_count) < 500:
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(20)
    ids: list[str] = page.evaluate("Array.from(document.querySelectorAll('tbody tr'), (row) => row.dataset.id)")
    assert len(set(ids)) == len(ids)
    assert first.evaluate("(title) => title.isConnected")
    listed = as_admin(server, "files?limit=200")
    listed["files"] += as_admin(server, f"files?limit=200&cursor={listed['next']}")["files"]
    assert ids[:400] == [file["id"] for file in listed["files"]]
    for number in (480, 20):
        page.locator("tbody tr").nth(number).locator(".title").click()
        expect(page.locator("tr.selected")).to_have_attribute("data-id", ids[number])
    # To find something by its role takes seconds among so many rows.
    page.reload()
    page.locator("html.ready").wait_for()


def test_a_file_is_trashed_and_comes_back_by_mouse_and_by_keys(page: Page, server: Server) -> None:
    evening = page.get_by_role("row").filter(has_text="Evening Talk")
    evening.get_by_role("button", name="Actions for “Evening Talk”").click()
    page.get_by_role("menuitem", name="Move to the trash").click()
    expect(evening).to_have_count(0)
    expect(toast(page)).to_contain_text("“Evening Talk” was moved to the trash.")
    toast(page).get_by_role("button", name="Undo").click()
    expect(evening).to_have_count(1)
    assert titles(page)[:3] == [*SENT][::-1]
    until(lambda: as_admin(server, "files?place=trash")["files"] == [], page)

    page.evaluate("document.activeElement.blur()")
    for key in ("j", "j", "Delete"):
        page.keyboard.press(key)
    expect(evening).to_have_count(0)
    expect(page.get_by_role("link", name="Needle in the hay")).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_role("link", name="Evening Talk")).to_be_focused()
    page.keyboard.press("Delete")
    expect(evening).to_have_count(0)
    until(lambda: len(as_admin(server, "files?place=trash")["files"]) == 1, page)

    page.get_by_role("link", name="Trash").click()
    discarded = page.locator(".row:visible")
    expect(discarded).to_contain_text("Evening Talk")
    expect(discarded).to_contain_text("kept until")
    discarded.get_by_role("button", name="Restore: “Evening Talk”").click()
    expect(discarded).to_have_count(0)
    toast(page).get_by_role("button", name="Show").click()
    # Between the others, not above them.
    until(lambda: titles(page)[:3] == [*SENT][::-1], page)


def test_a_file_that_somebody_else_restores_comes_back_to_its_place(page: Page, server: Server) -> None:
    (file,) = [file for file in as_admin(server, "files?limit=3")["files"] if file["title"] == "Evening Talk"]
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    ask(server, "DELETE", f"files/{file['id']}", match=file["spooled_sha256"])
    page.evaluate(look)
    until(lambda: "Evening Talk" not in titles(page), page)
    ask(server, "POST", f"files/{file['id']}/restore")
    page.evaluate(look)
    until(lambda: titles(page)[:3] == [*SENT][::-1], page)


def test_the_reason_for_the_trash_is_given_afterwards_by_keys(page: Page, server: Server) -> None:
    evening, reason = page.get_by_role("link", name="Evening Talk"), page.get_by_label("Reason, shown in the trash")
    evening.focus()
    with page.expect_request(lambda request: request.method == "DELETE") as moved:
        page.keyboard.press("Delete")
    assert moved.value.post_data is None, "Nobody is asked before."
    page.keyboard.press("r")
    expect(page.get_by_role("dialog", name="Why was “Evening Talk” moved to the trash?")).to_be_visible()
    expect(reason).to_be_focused()
    page.keyboard.type("No rights")
    page.keyboard.press("Enter")
    expect(toast(page)).to_contain_text("“Evening Talk” was moved to the trash: No rights")
    (there,) = as_admin(server, "files?place=trash")["files"]
    assert there["trash"]["reason"] == "No rights"
    expect(page.locator("tbody .title:focus")).to_have_count(1)
    page.keyboard.press("u")
    expect(evening).to_be_focused()
    until(lambda: as_admin(server, "files?place=trash")["files"] == [], page)

    page.keyboard.press("Delete")
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("link", name="휴지통")).to_be_visible()
    toast(page).get_by_role("button", name="Add a reason").click()
    page.get_by_label("휴지통에 표시할 이유").fill("저작권")
    page.get_by_role("button", name="저장").click()
    expect(toast(page)).to_contain_text("이유: 저작권")
    expect(toast(page).get_by_role("button", name="이유 고치기")).to_be_focused()
    page.get_by_role("button", name="English").click()
    page.get_by_role("link", name="Trash").click()
    discarded = page.locator(".row:visible")
    expect(discarded).to_contain_text("Reason: 저작권")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(reason).to_have_value("저작권")
    page.keyboard.press("Control+a")
    page.keyboard.type("Sent twice")
    page.keyboard.press("Enter")
    expect(discarded).to_contain_text("Reason: Sent twice")
    discarded.get_by_role("button", name="Restore: “Evening Talk”").click()
    expect(discarded).to_have_count(0)


def test_a_rejected_file_is_taken_anyway_by_keyboard(
    page: Page, server: Server, visits: Visitor, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(make_mp3(20, {"title": "Cut short"}, seed=7100)[:-100])
    sender = visits.tab(page.context)
    sender.goto(server.url)
    pick(sender, cut)
    state(sender, "cut.mp3", "rejected")
    sender.close()
    page.evaluate("document.activeElement.blur()")
    press_on(page, "Rejected")
    rejected = page.locator(".row:visible").filter(has_text="cut.mp3")
    expect(rejected).to_contain_text(re.compile(r"The end is cut off.*kept until", re.DOTALL | re.IGNORECASE))
    press_on(page, "Check again: “cut.mp3”")
    # The verdict may come after the response.
    expect(toast(page)).to_contain_text("still not accepted")
    press_on(page, "Take anyway: “cut.mp3”")
    press_on(page, "Take anyway")
    expect(rejected).to_have_count(0)
    toast(page).get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Cut short")).to_be_visible()


def test_an_upload_is_cancelled_by_keyboard_and_its_sender_reads_why(
    page: Page, server: Server, visits: Visitor, tmp_path: Path
) -> None:
    long = tmp_path / "too long.mp3"
    long.write_bytes(make_mp3(1500, seed=7200))
    with SlowProxy(server.url, rate=600_000) as line:
        sender = visits.visit(line.url)
        pick(sender, long)
        state(sender, "too long.mp3", "sending")
        page.bring_to_front()
        page.evaluate("document.activeElement.blur()")
        press_on(page, "Uploading")
        flying = page.locator(".row:visible").filter(has_text="too long.mp3")
        press_on(page, "Cancel: “too long.mp3”")
        expect(page.get_by_label("Reason")).to_be_focused()
        page.keyboard.type("We have it already")
        press_on(page, "Cancel this upload")
        expect(flying).to_have_count(0)
        expect(sender.locator(".row")).to_contain_text("We have it already", timeout=30_000)
        sender.close()


def test_without_an_answer_no_rows_pretend_to_be_the_result(page: Page) -> None:
    page.route("**/api/v1/files?*", lambda route: route.abort())
    page.get_by_role("searchbox").fill("jazz")
    expect(page.locator("[data-ref=trouble]")).to_contain_text("The server does not respond")
    expect(page.locator(TITLE).first).to_be_hidden()
    page.unroute("**/api/v1/files?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-ref=trouble]")).to_be_hidden()
    expect(page.locator(".empty:visible")).to_have_text("Nothing found for “jazz”.")


def test_a_session_that_ended_is_renewed_over_the_work(page: Page, server: Server) -> None:
    page.context.clear_cookies(name="media_service_session")
    page.get_by_role("searchbox").fill("needle")
    dialog = page.get_by_role("dialog", name="You are signed out.")
    expect(dialog).to_be_visible()
    sign_in(page, server.token)
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-ref=total]")).to_have_text("1 file")
    assert titles(page) == ["Needle in the hay"]
