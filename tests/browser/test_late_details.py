"""The sender's name and details can be edited after choosing a file, and after its end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mutagen.id3 import ID3
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG
from tests.support.mp3 import mislabel_title
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]

SAVED = "[data-ref=sender-saved]"


def senders(api: Ask) -> dict[str, str | None]:
    return {upload["filename"]: upload["sender"] for upload in api("uploads?limit=20")["uploads"]}


def test_a_name_typed_after_choosing_reaches_running_and_finished_uploads(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    page = visitor.visit(line.url)
    short, running, waiting = mp3("name short.mp3"), mp3("name running.mp3", LONG), mp3("name waiting.mp3", LONG)
    pick(page, short)
    state(page, short.name, "ready")
    pick(page, running, waiting)
    state(page, running.name, "sending")
    page.get_by_role("textbox", name="Your name (optional)", exact=True).type("Late Larry", delay=30)
    expect(page.locator(SAVED)).to_have_text("Saved")
    until(lambda: senders(api).get(running.name) == "Late Larry", page)
    assert senders(api)[short.name] == "Late Larry"
    found = api("files?q=Late+Larry+name+short")["files"]
    assert [file["sender"] for file in found] == ["Late Larry"]
    line.rate = None
    state(page, waiting.name, "ready", 60)
    assert senders(api)[waiting.name] == "Late Larry"


def test_a_name_typed_while_the_server_is_away_is_saved_when_it_is_back(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(line.url)
    file = mp3("name offline.mp3", LONG)
    pick(page, file)
    state(page, file.name, "sending")
    line.cut()
    page.get_by_role("textbox", name="Your name (optional)", exact=True).fill("Late Larry")
    expect(page.locator(SAVED)).to_have_text("Not saved yet", timeout=40_000)
    line.start()
    expect(page.locator(SAVED)).to_have_text("Saved", timeout=40_000)
    assert senders(api)[file.name] == "Late Larry"


def test_another_persons_uploads_keep_their_name(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    page.get_by_role("textbox", name="Your name (optional)", exact=True).fill("Kim")
    theirs, ours = mp3("name theirs.mp3", LONG), mp3("name ours.mp3", LONG)
    pick(page, theirs)
    state(page, theirs.name, "sending")
    until(lambda: senders(api).get(theirs.name) == "Kim", page)
    # Another person uses the same computer.
    page.evaluate("localStorage.setItem('media_service.sender', '')")
    page.reload()
    page.locator("html.ready").wait_for()
    state(page, theirs.name, "needs_file")
    pick(page, ours)
    state(page, ours.name, "sending")
    page.get_by_role("textbox", name="Your name (optional)", exact=True).fill("Larry")
    expect(page.locator(SAVED)).to_have_text("Saved")
    assert senders(api)[ours.name] == "Larry"
    assert senders(api)[theirs.name] == "Kim"


def test_details_may_be_typed_after_the_end(server: Server, visitor: Visitor, mp3: Make, api: Ask) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(server.url)
    file = mp3("late details.mp3")
    pick(page, file)
    mine = state(page, file.name, "ready")
    button(page, "Details", file.name).click()
    mine.get_by_label("Title", exact=True).fill("Typed late")
    expect(mine.locator("[data-ref=saved]")).to_have_text("Saved")
    (stored,) = api("files?q=late+details")["files"]
    assert stored["title"] == "Typed late"
    assert str(ID3(server.spool / stored["stored_name"])["TIT2"]) == "Typed late"
    mine.get_by_label("Date", exact=True).fill("yesterday")
    expect(mine.locator("[data-ref=saved]")).to_contain_text("please write the date as 2026")
    mine.get_by_label("Date", exact=True).fill("2026-11")
    expect(mine.locator("[data-ref=saved]")).to_have_text("Saved")
    (server.spool / stored["stored_name"]).unlink()
    mine.get_by_label("Title", exact=True).fill("Too late")
    expect(mine.locator("[data-ref=saved]")).to_contain_text("too late")
    expect(mine.get_by_label("Title", exact=True)).to_be_disabled()


def test_the_korean_text_is_offered_after_the_end_and_repairs_the_file(
    server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    file = mp3("late korean.mp3")
    mislabel_title(file, "부활")
    page = visitor.visit(server.url)
    pick(page, file)
    mine = state(page, file.name, "ready")
    expect(mine.locator("[data-ref=advice]")).to_contain_text("In Korean they read “부활”")
    button(page, "Use the Korean text", file.name).click()
    until(lambda: api("files?q=late+korean")["files"][0]["title"] == "부활", page)
    expect(mine.locator("[data-ref=advice]")).to_be_hidden()
    stored = api("files?q=late+korean")["files"][0]["stored_name"]
    assert str(ID3(server.spool / stored)["TIT2"]) == "부활"


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Server]:
    """Yield a server that allows edits for three seconds after the end."""
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data", late_edits=3) as running:
        yield running


def test_after_the_time_for_edits_the_row_has_no_edit_button(hasty: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(hasty.url)
    file = mp3("hasty.mp3")
    pick(page, file)
    state(page, file.name, "ready")
    details = button(page, "Details", file.name)
    details.click()
    expect(row(page, file.name).get_by_label("Title", exact=True)).to_be_visible()
    expect(details).to_be_hidden(timeout=8000)
    expect(row(page, file.name).get_by_label("Title", exact=True)).to_be_hidden()
