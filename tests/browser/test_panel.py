"""The panel of a file and the player: listen, correct tags, chapters and the cover, settle conflicts, lose nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.desk import PASTE, READ, ROUND_TRIP, Desk, opened_desk
from tests.browser.page_objects import sign_in, until
from tests.support.pictures import SVG, png

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Dialog


@pytest.fixture(scope="module")
def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Yield the admin of a server with four files, on one page for all tests."""
    with opened_desk(browser, tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def test_what_is_known_of_a_file_is_shown(desk: Desk) -> None:
    panel = desk.open("Sunday Show")
    expect(panel.locator("h2")).to_be_focused()
    expect(panel.locator(".verdict")).to_have_attribute("data-kind", "good")
    expect(panel.locator("[data-ref=fact-loudness]")).to_contain_text("LUFS")
    expect(panel.locator("[data-ref=fact-loudness]")).to_contain_text("of silence at the beginning")
    expect(panel.locator("[data-ref=fact-format]")).to_contain_text("kbit/s · 44.1")
    expect(panel.locator(".waveform .silent")).to_have_count(2)
    expect(panel.locator(".waveform .chapter-mark")).to_have_count(3)
    assert len((panel.locator(".waveform path").first.get_attribute("d") or "").split("M")) > 50


def test_a_click_on_the_waveform_plays_from_there_and_keys_move_it(desk: Desk) -> None:
    panel = desk.open("Sunday Show")
    wave = panel.locator(".waveform")
    box = wave.bounding_box()
    assert box
    wave.click(position={"x": box["width"] * 15 / 30, "y": 20})
    until(lambda: 15 <= desk.position() <= 18, desk.page)
    expect(panel.locator(".chapter-now")).to_have_text("News")
    expect(panel.get_by_role("button", name="Pause “Sunday Show”")).to_be_visible()
    wave.press("Space")
    expect(panel.get_by_role("button", name="Play “Sunday Show”").first).to_be_visible()
    before = desk.position()
    wave.press("ArrowRight")
    wave.press("ArrowLeft")
    wave.press("Shift+ArrowRight")
    assert before + 14 <= desk.position() <= 30
    panel.get_by_role("button", name="Play “Greeting”").click()
    until(lambda: desk.position() < 5, desk.page)
    desk.page.get_by_role("button", name="Close player").click()


def test_playing_goes_on_after_the_server_was_away_and_where_it_was_left(desk: Desk) -> None:
    desk.open("Long Night")
    page, player = desk.page, desk.page.locator(".player")
    desk.panel.get_by_role("button", name="Play “Long Night”").click()
    until(lambda: desk.position() >= 1, page)
    desk.server.kill()
    page.get_by_role("slider", name="Position").last.fill("1300")
    expect(player.locator("[data-ref=word]")).to_contain_text("It goes on at 21:40 by itself")
    expect(player.get_by_role("button", name="Pause “Long Night”")).to_be_visible()
    desk.server.start()
    until(lambda: desk.position() >= 1301, page)
    expect(player.locator("[data-ref=word]")).to_have_text("")
    player.get_by_role("button", name="Close player").click()
    desk.panel.get_by_role("button", name="Play “Long Night”").click()
    expect(player.locator("[data-ref=word]")).to_contain_text("Goes on at 21:4")
    until(lambda: desk.position() >= 1301, page)
    player.get_by_role("button", name="From the beginning").click()
    until(lambda: desk.position() < 100, page)
    player.get_by_role("button", name="Next file").click()
    expect(player.locator(".title")).not_to_have_text("Long Night")
    player.get_by_role("button", name="Close player").click()


def test_suggested_korean_tags_are_taken_by_one_click_and_given_back(desk: Desk) -> None:
    garbled = desk.file("old.mp3")["title"]
    panel = desk.open(garbled)
    expect(panel.locator(".suggested")).to_contain_text("Read as Korean")
    expect(panel.locator(".suggested ins")).to_have_text("밤의 음악 여행")
    panel.get_by_role("button", name="Use these texts").click()
    expect(panel.locator("h2")).to_have_text("밤의 음악 여행")
    expect(panel.locator(".suggested")).to_have_count(0)
    assert desk.file("old.mp3")["title"] == "밤의 음악 여행"
    panel.get_by_role("button", name="Undo").click()
    expect(panel.locator("h2")).to_have_text(garbled)
    panel.get_by_role("button", name="Use these texts").click()
    expect(panel.locator("h2")).to_have_text("밤의 음악 여행")


def test_errors_stand_at_their_field_in_the_reader_s_language(desk: Desk) -> None:
    panel = desk.open("Morning Talk")
    panel.get_by_label("Date").fill("soon")
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("#wrong-date")).to_have_text("Write it as 2026, 2026-11 or 2026-11-23.")
    expect(panel.get_by_label("Date")).to_be_focused()
    desk.page.get_by_role("button", name="한국어").click()
    expect(panel.get_by_label("날짜")).to_have_value("soon")
    panel.get_by_role("button", name="저장", exact=True).click()
    expect(panel.locator("#wrong-date")).to_contain_text("적어 주세요")
    desk.page.get_by_role("button", name="English").click()
    panel.get_by_role("button", name="Discard").click()
    expect(panel.get_by_label("Date")).to_have_value("")


def test_chapters_are_added_where_the_player_is_and_pasted(desk: Desk) -> None:
    panel = desk.open("Morning Talk")
    panel.locator(".waveform").press("ArrowRight")
    panel.get_by_role("button", name="Add a chapter at 0:05").click()
    expect(panel.get_by_label("Title of chapter 1")).to_be_focused()
    desk.page.keyboard.type("Guests")
    panel.get_by_role("button", name="Add a chapter").click()
    panel.get_by_label("Start of chapter 2").fill("later")
    panel.get_by_label("Title of chapter 2").fill("End")
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("[data-wrong-chapter='1']")).to_contain_text("1:02")
    panel.get_by_label("Start of chapter 2").fill("0:41.5")
    desk.save()
    chapters = [(one["start"], one["title"]) for one in desk.file("talk.mp3")["chapters"]]
    assert chapters == [(5, "Guests"), (41.5, "End")]
    panel.get_by_label("Title of chapter 1").evaluate(PASTE, "0:00 Hello\n0:20 - Song\n")
    expect(panel.locator(".chapter")).to_have_count(4)
    panel.get_by_role("button", name="Remove chapter 4").click()
    desk.save()
    assert [one["title"] for one in desk.file("talk.mp3")["chapters"]] == ["Hello", "Guests", "Song"]
    desk.page.get_by_role("button", name="Close player").click()


def test_the_cover_is_chosen_refused_and_removed(desk: Desk) -> None:
    shown: list[int] = []
    desk.page.on("response", lambda got: shown.append(got.status) if got.request.resource_type == "image" else None)
    panel = desk.open("Morning Talk")
    image = panel.locator(".cover-picture img")
    expect(panel.get_by_role("button", name="Add a cover")).to_be_visible()
    assert shown == [], "There is no cover to ask for."
    desk.choose("Add a cover", "cover.png", png(40, 30))
    expect(image).to_have_js_property("naturalWidth", 40)
    expect(panel.locator("[data-ref=word]")).to_contain_text("The cover is in the file now")
    desk.choose("Change", "bad.png", SVG)
    expect(panel.locator("[data-ref=word]")).to_contain_text("It must be a JPEG, PNG, WebP or GIF picture")
    panel.get_by_role("button", name="Show the cover large").click()
    expect(desk.page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="Remove the cover").click()
    desk.page.get_by_role("dialog").get_by_role("button", name="Remove the cover").click()
    expect(panel.get_by_role("button", name="Add a cover")).to_be_visible()
    assert set(shown) == {200}


def test_a_conflict_is_settled_field_by_field(desk: Desk) -> None:
    panel = desk.open("Morning Talk")
    panel.get_by_label("Artist", exact=True).fill("Mine")
    panel.get_by_label("Genre").fill("My genre")
    desk.edit_elsewhere("talk.mp3", {"tags": {"artist": "Theirs", "genre": "Their genre", "album": "Their album"}})
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("[data-ref=word]")).to_contain_text("In 2 fields both of you did")
    expect(panel.get_by_label("Album", exact=True)).to_have_value("Their album")
    expect(panel.get_by_label("Mine: Mine")).to_be_focused()
    panel.get_by_role("group", name="Genre: which one?").get_by_label("Theirs").check()
    expect(panel.get_by_label("Genre", exact=True)).to_have_value("Their genre")
    desk.save()
    file = desk.file("talk.mp3")
    assert [file[name] for name in ("artist", "genre", "album")] == ["Mine", "Their genre", "Their album"]
    # What only one of them has changed needs no question.
    panel.get_by_label("Artist", exact=True).fill("Kim")
    desk.edit_elsewhere("talk.mp3", {"tags": {"album": None}})
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("[data-ref=word]")).to_contain_text("Meanwhile someone else has changed: Album")
    assert [desk.file("talk.mp3")[name] for name in ("artist", "album")] == ["Kim", None]


def test_nothing_takes_unsaved_edits_away_without_a_question(desk: Desk) -> None:
    page, panel = desk.page, desk.open("Morning Talk")
    comment, question = panel.get_by_label("Comment"), page.get_by_role("dialog", name="Save your changes?")
    comment.fill("Not saved yet")
    leave: dict[str, Callable[[], object]] = {
        "close": lambda: panel.get_by_role("button", name="Close").click(),
        "escape": lambda: comment.press("Escape"),
        "next": lambda: panel.get_by_role("button", name="Next file").click(),
        "another row": lambda: page.locator("tbody tr").filter(has_text="Long Night").locator(".title").click(),
        "another section": lambda: page.get_by_role("link", name="Overview").click(),
        "back": lambda: page.evaluate("history.back()"),
        "sign out": lambda: page.get_by_role("button", name="Sign out").click(),
    }
    for name, act in leave.items():
        act()
        expect(question, name).to_be_visible()
        question.get_by_role("button", name="Go on editing").click()
        expect(panel.locator("h2"), name).to_have_text("Morning Talk")
        expect(comment, name).to_have_value("Not saved yet")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.evaluate("setTimeout(() => location.reload())")
    until(lambda: asked == ["beforeunload"], page)
    expect(comment).to_have_value("Not saved yet")
    page.locator("tbody tr").filter(has_text="Long Night").locator(".title").click()
    question.get_by_role("button", name="Save").click()
    expect(panel.locator("h2")).to_have_text("Long Night")
    assert desk.file("talk.mp3")["comment"] == "Not saved yet"


def test_what_was_typed_stays_while_the_server_is_away(desk: Desk) -> None:
    panel = desk.open("Morning Talk")
    panel.get_by_label("Comment").fill("In spite of it")
    desk.server.kill()
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("[data-ref=word]")).to_contain_text("What you typed stays here")
    desk.server.start()
    desk.save()
    assert desk.file("talk.mp3")["comment"] == "In spite of it"
    panel.get_by_label("Comment").fill("Signed in again")
    desk.page.context.clear_cookies()
    panel.get_by_role("button", name="Save").click()
    sign_in(desk.page, desk.server.token)
    expect(panel.locator("[data-ref=word]")).to_have_text("Saved.")
    assert desk.file("talk.mp3")["comment"] == "Signed in again"


def test_the_history_says_who_has_changed_what(desk: Desk) -> None:
    panel = desk.open("Morning Talk")
    panel.get_by_text("History").click()
    newest = panel.locator(".history li").first
    expect(newest).to_contain_text("File edited Comment")
    expect(newest).to_contain_text("admin token")
    expect(panel.locator(".history li").last).to_contain_text("Uploaded")
    desk.open("Long Night")
    expect(panel.locator(".history li")).to_have_text(re.compile("^Uploaded"))
    panel.get_by_text("History").click()


def test_panel_and_player_fit_a_small_phone(desk: Desk) -> None:
    page = desk.page
    desk.open("Sunday Show")
    desk.panel.get_by_role("button", name="Play “Sunday Show”").click()
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert desk.panel.evaluate("panel => panel.querySelector('.panel-scroll').scrollWidth <= panel.clientWidth")
    for name in ("Back 15 seconds", "Forward 15 seconds"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport()
    page.get_by_role("button", name="Close player").click()
    desk.panel.get_by_role("button", name="Close").click()
    page.set_viewport_size({"width": 1280, "height": 720})


def test_times_are_read_as_they_are_written(desk: Desk) -> None:
    assert desk.page.evaluate(ROUND_TRIP, [0, 0.5, 59.999, 60, 61.25, 3599.9, 3600, 36_000.001, 400_000]) == []
    assert desk.page.evaluate(READ, ["1:02", " 1:02:03,5 ", "75", "1:2", "", "later", "1:", "-1"]) == [
        *(62, 3723.5, 75, 62),
        *(None, None, None, None),
    ]
