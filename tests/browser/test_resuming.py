"""The upload page on a bad line: cut, reloaded, paused and cancelled uploads."""

from playwright.sync_api import expect

from tests.browser.conftest import Visitor, as_admin
from tests.browser.page_objects import button, choose_again, pick, row, settle, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, OVERHEAD, Ask, Make, recorded, spooled, to_the_middle
from tests.support.server import Server


def test_a_cut_line_is_shown_within_two_seconds_and_the_upload_continues_by_itself(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("cut.mp3", LONG))
    line.cut()
    expect(page.locator("[data-ref=line]")).to_be_visible(timeout=2000)
    expect(page.locator("[data-ref=line]")).to_contain_text("What was sent is safe")
    state(page, "cut.mp3", "waiting", 1)
    page.wait_for_timeout(5000)
    line.start()
    state(page, "cut.mp3", "ready", 60)
    expect(page.locator("[data-ref=line]")).to_be_hidden()
    assert len(spooled(server)) == 1


def test_after_a_reload_the_same_file_continues_and_no_recorded_byte_is_sent_again(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    file = mp3("reload.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    page.reload()
    waiting = state(page, "reload.mp3", "needs_file")
    expect(waiting).to_contain_text("Choose the same file to continue")
    settle(page, lambda: line.sent)
    missing = file.stat().st_size - recorded(api)
    sent_before = line.sent

    choose_again(page, "reload.mp3", file)
    state(page, "reload.mp3", "ready", 60)
    assert missing <= line.sent - sent_before < missing + OVERHEAD
    assert len(spooled(server)) == 1


def test_dropping_the_same_file_on_the_page_resumes_it_too(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    file = mp3("picked again.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    page.reload()
    state(page, "picked again.mp3", "needs_file")
    pick(page, file)
    state(page, "picked again.mp3", "ready", 60)
    expect(page.locator(".row")).to_have_count(1)


def test_a_file_of_another_length_is_refused_in_words(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("talk.mp3", LONG))
    page.reload()
    state(page, "talk.mp3", "needs_file")
    posted = len(visitor.posted)
    choose_again(page, "talk.mp3", mp3("talk.mp3", 60, folder="other"))
    expect(row(page, "talk.mp3")).to_contain_text("This is another file (")
    state(page, "talk.mp3", "needs_file")
    assert len(visitor.posted) == posted


def test_a_file_of_the_same_length_and_other_content_is_refused_before_a_byte_is_sent(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    page = visitor.visit(line.url)
    file = mp3("talk.mp3", LONG)
    to_the_middle(page, api, file)
    page.reload()
    state(page, "talk.mp3", "needs_file")
    posted = len(visitor.posted)
    other = mp3("talk.mp3", LONG, folder="other")
    assert other.stat().st_size == file.stat().st_size
    pick(page, other)
    expect(row(page, "talk.mp3")).to_contain_text("its content differs")
    state(page, "talk.mp3", "needs_file")
    assert len(visitor.posted) == posted


def test_pause_stops_and_resume_continues(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    file = mp3("pause.mp3", LONG)
    to_the_middle(page, api, file)
    line.rate = 1_000_000
    button(page, "Pause", "pause.mp3").click()
    expect(state(page, "pause.mp3", "paused")).to_contain_text("Paused")
    settle(page, lambda: line.sent)
    held = recorded(api)
    page.wait_for_timeout(1500)
    assert recorded(api) == held < file.stat().st_size
    button(page, "Resume", "pause.mp3").click()
    state(page, "pause.mp3", "ready", 60)


def test_cancel_asks_once_and_frees_the_server_and_the_station_says_why_it_cancels(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("cancel.mp3", LONG))
    button(page, "Cancel", "cancel.mp3").click()
    row(page, "cancel.mp3").locator("[data-action=sure]").click()
    state(page, "cancel.mp3", "cancelled")
    until(lambda: api("uploads?state=receiving")["uploads"] == [], page)
    expect(button(page, "Start again", "cancel.mp3")).to_be_visible()
    to_the_middle(page, api, mp3("wrong.mp3", LONG))
    (upload,) = api("uploads?state=receiving")["uploads"]
    as_admin(server, f"uploads/{upload['id']}", "DELETE", reason="the wrong week")
    expect(state(page, "wrong.mp3", "gone")).to_contain_text("the station cancelled it: “the wrong week”")
