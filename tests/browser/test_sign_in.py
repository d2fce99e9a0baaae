"""Signing in on the page, after which the queue continues by itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import pick, row, sign_in, state
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, spooled
from tests.support.server import Server

Make = Callable[..., Path]

BANNER = "[data-ref=sign-in] section"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Server]:
    """Yield a server on which uploading needs the token."""
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data", host="0.0.0.0") as running:
        yield running


def test_a_first_visitor_signs_in_on_the_page_and_the_chosen_file_is_sent(
    station: Server, visitor: Visitor, mp3: Make
) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(station.url)
    banner = page.locator(BANNER)
    expect(banner).to_contain_text("You need a link from the station, or an account.")
    expect(page.locator("[data-ref=list-failed]")).to_be_hidden()
    pick(page, mp3("first.mp3"))
    waiting = state(page, "first.mp3", "waiting")
    expect(waiting.locator("[data-ref=status]")).to_have_text("Waiting for sign-in")
    expect(waiting.locator("[data-action=try]")).to_have_count(0)
    expect(page.locator("[data-ref=line]")).to_be_hidden()
    sign_in(page, "wrong")
    expect(banner.get_by_role("alert")).to_have_text("That is not the admin token.")
    sign_in(page, station.token)
    state(page, "first.mp3", "ready")
    expect(banner).to_have_count(0)
    assert len(spooled(station)) == 1


def test_after_signing_in_again_on_the_page_the_queue_continues(station: Server, visitor: Visitor, mp3: Make) -> None:
    visitor.failed_loads_expected = True
    with SlowProxy(station.url, rate=3_000_000) as line:
        page = visitor.visit(line.url)
        sign_in(page, station.token)
        expect(page.locator(BANNER)).to_have_count(0)
        files = [mp3(f"ended {number}.mp3", LONG) for number in range(4)]
        pick(page, *files)
        for file in files[:2]:
            state(page, file.name, "sending")
        page.context.clear_cookies(name="media_service_session")
        line.rate = None
        # Open uploads may end; queued ones need the sign-in.
        expect(page.locator(BANNER)).to_contain_text("You are signed out.", timeout=60_000)
        for file in files[2:]:
            waiting = state(page, file.name, "waiting", 60)
            expect(waiting.locator("[data-ref=status]")).to_have_text("Waiting for sign-in")
        sign_in(page, station.token)
        for file in files:
            state(page, file.name, "ready", 60)
        expect(page.locator(BANNER)).to_have_count(0)
        assert len(spooled(station)) == 4


def test_signing_in_in_another_tab_is_enough(station: Server, visitor: Visitor, mp3: Make) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(station.url)
    pick(page, mp3("other tab.mp3"))
    state(page, "other tab.mp3", "waiting")
    other = visitor.tab(page.context)
    other.goto(f"{station.url}/admin#token={station.token}")
    state(page, "other tab.mp3", "ready", 60)
    expect(page.locator(BANNER)).to_have_count(0, timeout=40_000)


def test_the_banner_is_translated_and_keeps_its_input_when_the_language_changes(
    station: Server, visitor: Visitor
) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(station.url, locale="ko-KR")
    banner = page.locator(BANNER)
    expect(banner).to_contain_text("링크나 계정이 필요합니다")
    banner.get_by_label("이름").fill("half")
    page.get_by_role("button", name="English").click()
    expect(banner).to_contain_text("You need a link")
    expect(banner.get_by_label("Name")).to_have_value("half")


def test_details_typed_without_access_are_saved_after_signing_in(station: Server, visitor: Visitor, mp3: Make) -> None:
    visitor.failed_loads_expected = True
    with SlowProxy(station.url, rate=1_000_000) as line:
        page = visitor.visit(line.url)
        sign_in(page, station.token)
        expect(page.locator(BANNER)).to_have_count(0)
        pick(page, mp3("details.mp3", LONG))
        mine = state(page, "details.mp3", "sending")
        page.context.clear_cookies(name="media_service_session")
        mine.locator("[data-action=details]").click()
        mine.get_by_label("Title", exact=True).fill("Kept")
        expect(mine.locator("[data-ref=saved]")).to_have_text("Not saved yet. Trying again…")
        expect(page.locator(BANNER)).to_contain_text("You are signed out.")
        sign_in(page, station.token)
        expect(mine.locator("[data-ref=saved]")).to_have_text("Saved")
        expect(row(page, "details.mp3")).to_be_visible()
