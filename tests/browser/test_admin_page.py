"""The admin page: sign-in, list, player, open uploads and rejected files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import pick, sign_in, state, until
from tests.browser.proxy import SlowProxy
from tests.support.server import Server

Make = Callable[..., Path]


@pytest.fixture
def server(fresh_server: Server) -> Server:
    """Use a new server, because the admin shows all its files."""
    return fresh_server


@pytest.fixture
def library(server: Server, visitor: Visitor, mp3: Make) -> Page:
    """Return the admin page of a server with three files."""
    page = visitor.visit(server.url)
    files = [
        mp3("b morning.mp3", 60, title="Morning Talk", artist="Kim"),
        mp3("a jingle.mp3", 5, title="Jingle", artist="Lee"),
        mp3("심야.mp3", 20),
    ]
    pick(page, *files)
    for file in files:
        state(page, file.name, "ready")
    page.goto(f"{server.url}/admin#token={server.token}")
    page.get_by_role("link", name="Files", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(3)
    return page


def titles(page: Page) -> list[str]:
    return page.locator("tbody .title").all_inner_texts()


def test_a_wrong_token_is_refused_and_the_right_one_signs_in(server: Server, visitor: Visitor) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(f"{server.url}/admin")
    sign_in(page, "wrong")
    expect(page.get_by_role("alert").first).to_have_text("That is not the admin token.")
    sign_in(page, server.token)
    page.get_by_role("link", name="Files", exact=True).click()
    expect(page.locator(".empty:visible")).to_contain_text("No files yet")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()


def test_files_are_listed_searched_and_sorted(library: Page) -> None:
    assert sorted(titles(library)) == ["Jingle", "Morning Talk", "심야.mp3"]
    library.get_by_role("searchbox").fill("morning")
    expect(library.locator("tbody tr")).to_have_count(1)
    assert titles(library) == ["Morning Talk"]
    library.get_by_role("searchbox").fill("nothing like it")
    expect(library.locator(".empty:visible")).to_contain_text("Nothing found")
    library.get_by_role("searchbox").fill("")
    expect(library.locator("tbody tr")).to_have_count(3)
    library.get_by_role("button", name="Size").click()
    expect(library.locator("th[aria-sort=descending]")).to_have_text("Size")
    until(lambda: titles(library)[0] == "Morning Talk", library)
    library.get_by_role("button", name="Size").click()
    until(lambda: titles(library)[0] == "Jingle", library)


def test_the_player_plays_and_seeks(library: Page) -> None:
    partial: list[int] = []
    library.on("response", lambda got: partial.append(got.status) if got.url.endswith("/content?stream") else None)
    library.get_by_role("button", name="Play “Morning Talk”").click()
    at = library.locator(".player [data-ref=at]")
    until(lambda: at.inner_text() not in ("", "0:00"), library)
    expect(library.locator(".player [data-ref=duration]")).to_have_text("1:00")
    seek = library.get_by_role("slider", name="Position")
    seek.fill("40")
    until(lambda: at.inner_text() >= "0:40", library)
    expect(library.get_by_role("button", name="Pause “Morning Talk”").first).to_be_visible()
    assert 206 in partial
    library.get_by_role("button", name="Close player").click()
    expect(library.locator("[data-ref=player]")).to_be_hidden()


def test_uploads_in_flight_and_rejected_ones_are_shown(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, tmp_path: Path
) -> None:
    text = tmp_path / "notes.mp3"
    text.write_text("not a sound\n" * 5000)
    sender = visitor.visit(line.url)
    pick(sender, text)
    state(sender, "notes.mp3", "rejected")
    sender.locator("[data-ref=sender]").fill("Park")
    pick(sender, mp3("on its way.mp3", 1500))
    state(sender, "on its way.mp3", "sending")

    page = visitor.visit(f"{server.url}/admin#token={server.token}")
    page.get_by_role("link", name="Uploading").click()
    flying = page.locator(".row").filter(has_text="on its way.mp3")
    expect(flying).to_contain_text("Park")
    percent = flying.locator(".percent")
    before = percent.inner_text()
    until(lambda: percent.count() and percent.inner_text() != before, page)
    page.get_by_role("link", name="Rejected").click()
    expect(page.locator(".row").filter(has_text="notes.mp3")).to_contain_text("is not an MP3 file")


def test_the_library_fits_360_pixels(library: Page) -> None:
    library.set_viewport_size({"width": 360, "height": 700})
    library.get_by_role("button", name="Play “Jingle”").click()
    assert library.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_the_tab_of_the_section_stays_in_view(library: Page) -> None:
    library.set_viewport_size({"width": 900, "height": 700})
    tab = library.locator('.tabs a[data-section="audit"]')
    # Not all of it: its lowest pixel covers the line below the tabs.
    whole = 0.95
    tab.click()
    expect(tab).to_be_in_viewport(ratio=whole)
    library.set_viewport_size({"width": 360, "height": 700})
    expect(tab).to_be_in_viewport(ratio=whole)
    library.reload()
    library.locator("[data-ref=section-audit] .row").first.wait_for()
    expect(tab).to_be_in_viewport(ratio=whole)
