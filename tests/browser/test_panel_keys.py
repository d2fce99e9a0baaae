"""The panel of a file by keyboard alone: correct a tag, edit chapters, choose and remove the cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk, opened_desk
from tests.browser.page_objects import until
from tests.support.pictures import SVG, png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator

COVER_SAVED = "The cover is in the file now"


@pytest.fixture(scope="module")
def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Yield the admin of a server with four files, on one page for all tests."""
    with opened_desk(browser, tmp_path_factory.mktemp("desk")) as opened:
        yield opened


@pytest.fixture
def panel(desk: Desk) -> Iterator[Locator]:
    """Yield the panel of "Morning Talk", found and opened by keys; close it by a key, which leads back to its row."""
    page, row = desk.page, desk.page.get_by_role("link", name="Morning Talk")
    page.keyboard.press("/")
    page.keyboard.type("morning")
    expect(page.locator("[data-ref=total]")).to_have_text("1 file")
    page.keyboard.press("ArrowDown")
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(desk.panel.locator("h2")).to_be_focused()
    yield desk.panel
    page.keyboard.press("Escape")
    expect(desk.panel).to_be_hidden()
    expect(row).to_be_focused()


def test_a_tag_is_corrected_by_keyboard_alone(desk: Desk) -> None:
    page, panel = desk.page, desk.panel
    title, row = panel.get_by_label("Title", exact=True), page.get_by_role("link", name="Morning Talk")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    desk.press_until_focused("j", row)
    page.keyboard.press("Enter")
    expect(panel.locator("h2")).to_be_focused()
    desk.press_until_focused("Tab", title)
    page.keyboard.press("End")
    page.keyboard.type(" with Lee")
    expect(panel.get_by_role("button", name="Save")).to_be_visible()
    page.keyboard.press("Enter")
    expect(panel.locator("[data-ref=word]")).to_have_text("Saved.")
    expect(title).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("link", name="Morning Talk with Lee")).to_be_focused()
    page.keyboard.press("e")
    expect(title).to_be_focused()
    page.keyboard.type("Morning Talk")
    page.keyboard.press("Control+s")
    until(lambda: desk.file("talk.mp3")["title"] == "Morning Talk", page)
    panel.locator("h2").focus()
    page.keyboard.press("j")
    expect(panel.locator("h2")).to_have_text("Long Night")
    page.keyboard.press(" ")
    expect(page.locator(".player").get_by_role("button", name="Pause “Long Night”")).to_be_visible()
    page.keyboard.press(" ")
    page.locator(".player").get_by_role("button", name="Close player").click()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def chapters_of(desk: Desk) -> list[tuple[float, str, str | None]]:
    return [(one["start"], one["title"], one["url"]) for one in desk.file("talk.mp3")["chapters"]]


def test_chapters_are_edited_by_keyboard_alone(desk: Desk, panel: Locator) -> None:
    page, saved = desk.page, panel.locator("[data-ref=word]")
    desk.press_until_focused("Tab", panel.get_by_role("button", name="Add a chapter at 0:00"))
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Title of chapter 1")).to_be_focused()
    page.keyboard.type("Guests")
    page.keyboard.press("Shift+Tab")
    expect(panel.get_by_label("Start of chapter 1")).to_be_focused()
    page.keyboard.type("0:10")
    page.keyboard.press("Enter")
    expect(saved).to_have_text("Saved.")
    expect(panel.get_by_label("Start of chapter 1")).to_be_focused()

    # A row that moves when it is saved takes the focus with it.
    desk.press_until_focused("Tab", panel.get_by_role("button", name="Add a chapter at 0:00"))
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Title of chapter 1")).to_be_focused()
    page.keyboard.type("Song")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("0:40.5")
    page.keyboard.press("Control+s")
    expect(saved).to_have_text("Saved.")
    expect(panel.get_by_label("Start of chapter 2")).to_be_focused()
    expect(panel.get_by_label("Title of chapter 2")).to_have_value("Song")
    assert chapters_of(desk) == [(10, "Guests", None), (40.5, "Song", None)]

    desk.press_until_focused("Shift+Tab", panel.get_by_role("button", name="Link of chapter 1"))
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Address of chapter 1")).to_be_focused()
    page.keyboard.type("radio.example")
    page.keyboard.press("Enter")
    expect(panel.locator("[data-wrong-chapter='0']")).to_contain_text("whole address")
    expect(panel.get_by_label("Address of chapter 1")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("https://radio.example/")
    desk.press_until_focused("Tab", panel.get_by_role("button", name="Remove chapter 2"))
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Title of chapter 1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(saved).to_have_text("Saved.")
    expect(panel.get_by_label("Title of chapter 1")).to_be_focused()
    assert chapters_of(desk) == [(10, "Guests", "https://radio.example/")]

    desk.press_until_focused("Shift+Tab", panel.get_by_role("button", name="Play “Guests”"))
    page.keyboard.press("Enter")
    until(lambda: desk.position() >= 10, page)
    expect(panel.get_by_role("button", name="Play “Guests”")).to_be_focused()
    desk.press_until_focused("Tab", page.locator(".player").get_by_role("button", name="Close player"))
    page.keyboard.press("Enter")
    desk.press_until_focused("Shift+Tab", panel.get_by_label("Title of chapter 1"))


def test_the_cover_is_chosen_and_removed_by_keyboard_alone(desk: Desk, panel: Locator) -> None:
    page, told = desk.page, panel.locator("[data-ref=word]")

    def choose(button: str, picture: bytes) -> None:
        """Open the file chooser by the key; the choice itself is the browser's."""
        desk.press_until_focused("Tab", panel.get_by_role("button", name=button))
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files({"name": "cover.png", "mimeType": "image/png", "buffer": picture})

    choose("Add a cover", SVG)
    expect(told).to_contain_text("It must be a JPEG, PNG, WebP or GIF picture")
    expect(panel.get_by_role("button", name="Add a cover")).to_be_focused()
    choose("Add a cover", png(40, 30))
    expect(told).to_contain_text(COVER_SAVED)
    expect(panel.locator(".cover-picture img")).to_have_js_property("naturalWidth", 40)
    expect(panel.get_by_role("button", name="Change")).to_be_focused()
    choose("Change", png(20, 10))
    expect(panel.locator(".cover-picture img")).to_have_js_property("naturalWidth", 20)

    large = panel.get_by_role("button", name="Show the cover large")
    desk.press_until_focused("Shift+Tab", large)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(large).to_be_focused()

    remove = panel.get_by_role("button", name="Remove the cover")
    for key in ("Escape", "Enter"):
        desk.press_until_focused("Tab", remove)
        page.keyboard.press("Enter")
        confirm = page.get_by_role("dialog").get_by_role("button", name="Remove the cover")
        expect(confirm).to_be_focused()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_have_count(0)
    expect(told).to_contain_text("The cover was removed.")
    expect(panel.get_by_role("button", name="Add a cover")).to_be_focused()
    assert desk.file("talk.mp3")["cover_url"] is None
