"""Many files at once: order, equal files, and the end."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, cancel, drop, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, Make, spooled
from tests.support.server import Server


def test_running_rows_stand_first_and_finished_ones_are_folded(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    line.rate = None
    page = visitor.visit(line.url)
    short = [mp3(f"short {k}.mp3", 5) for k in range(4)]
    pick(page, *short)
    fold = page.locator("[data-ref=finished]")
    expect(fold.locator("summary")).to_have_text("4 finished")
    expect(row(page, "short 0.mp3")).to_be_hidden()
    line.rate = 500_000
    pick(page, *(mp3(f"{name}.mp3", LONG) for name in "abc"))
    state(page, "a.mp3", "sending")
    names = "rows => rows.map((row) => row.querySelector('.name').title)"
    shown = page.locator("[data-ref=rows] > .row")
    until(lambda: shown.evaluate_all(names) == ["a.mp3", "b.mp3", "c.mp3"], page)
    cancel(page, "a.mp3")
    expect(row(page, "c.mp3")).not_to_have_attribute("data-state", "queued")
    # The rows change their order when they are next drawn.
    until(lambda: shown.evaluate_all(names) == ["b.mp3", "c.mp3", "a.mp3"], page)
    fold.locator("summary").click()
    expect(row(page, "short 0.mp3")).to_be_visible()
    page.locator("[data-ref=clear]").click()
    expect(page.locator(".row")).to_have_count(2)
    expect(fold).to_be_hidden()


def test_focus_stays_on_a_row_that_moves(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    line.rate = 500_000
    page = visitor.visit(line.url)
    pick(page, *(mp3(f"{name}.mp3", LONG) for name in "abcd"))
    state(page, "a.mp3", "sending")
    last = button(page, "Send this first", "d.mp3")
    last.focus()
    page.keyboard.press("Enter")
    until(lambda: page.locator(".row .name").nth(2).get_attribute("title") == "d.mp3", page)
    assert page.evaluate("document.activeElement.closest('.row')?.querySelector('.name').title") == "d.mp3"


def test_equal_files_of_one_drop_are_sent_once(line: SlowProxy, server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    original = mp3("duplicate original.mp3", 200, seed=8101)
    copy, other = mp3("duplicate copy.mp3", 200, seed=8101), mp3("as long.mp3", 200, seed=8102)
    assert original.stat().st_size == other.stat().st_size
    pick(page, original, copy, other)
    same = state(page, copy.name, "same")
    expect(same).to_contain_text("Same as “duplicate original.mp3”. Sent once.")
    expect(page.locator("[data-ref=sum]")).to_have_text("All 3 files are stored. You may close this page.")
    assert [path.name for path in spooled(server)] == [other.name, original.name]
    button(page, "Send it again", copy.name).click()
    state(page, copy.name, "ready")
    assert len(spooled(server)) == 3


def test_the_equal_of_a_cancelled_file_is_sent_instead(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make
) -> None:
    line.rate = 1_000_000
    page = visitor.visit(line.url)
    original, copy = mp3("first.mp3", 200, seed=8103), mp3("second.mp3", 200, seed=8103)
    pick(page, original, copy)
    state(page, copy.name, "same")
    cancel(page, original.name)
    line.rate = None
    state(page, copy.name, "ready")
    assert [path.name for path in spooled(server)] == [copy.name]
    expect(page.locator("[data-ref=sum]")).to_have_text("Your file is stored. You may close this page.")


def test_equal_files_share_a_rejection(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    one, two = tmp_path / "one.mp3", tmp_path / "two.mp3"
    for path in (one, two):
        path.write_text("not a sound\n" * 5000)
    page = visitor.visit(server.url)
    pick(page, one, two)
    expect(state(page, two.name, "rejected")).to_contain_text("not an MP3")
    expect(page.locator("[data-ref=attention]")).to_have_text("2 need attention")


def test_files_other_than_mp3_in_a_folder_are_left_out_in_one_line(server: Server, visitor: Visitor, mp3: Make) -> None:
    show = mp3("show.mp3", folder="folder")
    (show.parent / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0 a picture")
    (show.parent / "readme.txt").write_text("read me")
    page = visitor.visit(server.url)
    drop(page, show.parent)
    left_out = page.locator("[data-ref=left-out]")
    expect(left_out).to_contain_text("2 files that are not MP3 were left out (cover.jpg, readme.txt).")
    state(page, "show.mp3", "ready")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("[data-ref=sum]")).to_have_text("Your file is stored. You may close this page.")
    left_out.get_by_role("button").click()
    expect(left_out).to_be_hidden()
    expect(page.get_by_role("button", name="Choose MP3 files")).to_be_focused()


def test_clear_finished_removes_all_rows_that_can_be_dismissed(
    server: Server, visitor: Visitor, mp3: Make, tmp_path: Path
) -> None:
    sound, empty, list_ = mp3("sound.bin", 5), tmp_path / "empty.mp3", tmp_path / "list.m3u"
    list_.write_text("hello")
    empty.write_bytes(b"")
    page = visitor.visit(server.url)
    pick(page, sound)
    state(page, sound.name, "asking")
    pick(page, empty, list_)
    expect(page.locator("[data-ref=left-out]")).to_contain_text("list.m3u")
    page.locator("[data-ref=clear]").click()
    expect(page.locator("[data-ref=files]")).to_be_hidden()


def test_a_summary_of_stored_and_failed_files_links_to_them(
    server: Server, visitor: Visitor, mp3: Make, tmp_path: Path
) -> None:
    bad = tmp_path / "notes.mp3"
    bad.write_text("not a sound\n" * 5000)
    page = visitor.visit(server.url, viewport={"width": 800, "height": 300})
    pick(page, *(mp3(f"good {k}.mp3", 5) for k in range(3)), bad)
    state(page, "notes.mp3", "rejected")
    expect(page.locator("[data-ref=sum]")).to_have_text("3 stored,")
    until(lambda: page.title().startswith("1 needs attention"), page, 3)
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="1 needs attention").click()
    expect(row(page, "notes.mp3")).to_be_in_viewport()
    expect(button(page, "Dismiss", "notes.mp3")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-ref=sum]")).to_have_text("All 3 files are stored. You may close this page.")


def test_pause_all_is_shown_only_while_uploads_run(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    file = mp3("here.mp3", LONG)
    pick(page, file)
    state(page, "here.mp3", "sending")
    expect(page.locator("[data-ref=pause-all]")).to_be_visible()
    other = visitor.tab(page.context)
    other.goto(line.url)
    state(other, "here.mp3", "elsewhere")
    expect(other.locator("[data-ref=pause-all]")).to_be_hidden()
    expect(other.locator("[data-ref=sum]")).to_have_text("")
    page.locator("[data-ref=pause-all]").click()
    expect(page.locator("[data-ref=sum]")).to_contain_text("paused")
    expect(page.locator("[data-ref=pause-all]")).to_be_hidden()
    expect(page.locator("[data-ref=resume-all]")).to_be_visible()


HEARD = """
    globalThis.heard = [];
    globalThis.Notification = class extends Notification {
        constructor(title, options) { super(title, options); heard.push([title, options.body]); }
    };
"""


def test_a_notification_comes_at_the_end_if_it_was_asked_for(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    page.context.grant_permissions(["notifications"])
    page.context.add_init_script(HEARD)
    page.reload()
    page.locator("html.ready").wait_for()
    tell = page.locator("[data-ref=notify]")
    expect(tell).to_be_hidden()
    pick(page, mp3("a.mp3", 300), mp3("b.mp3", 300))
    tell.click()
    expect(tell).to_have_text("You will be notified")
    expect(tell).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-ref=sum]")).to_contain_text("You may close", timeout=60_000)
    assert page.evaluate("heard") == [["Send audio", "All 2 files are stored. You may close this page."]]
    expect(tell).to_be_hidden()


def test_over_plain_http_equal_files_are_found_too(tmp_path: Path, visitor: Visitor, mp3: Make) -> None:
    data = tmp_path / "lan"
    data.mkdir()
    with Server(data, allowed_hosts='["radio.test"]') as server, SlowProxy(server.url, rate=1_000_000) as line:
        page = visitor.visit(line.url.replace("127.0.0.1", "radio.test"))
        assert page.evaluate("window.isSecureContext") is False
        pick(page, mp3("original.mp3", 120, seed=8104), mp3("copy.mp3", 120, seed=8104))
        expect(page.locator('.row[data-state="same"]')).to_have_count(1)
        expect(page.locator("[data-ref=sum]")).to_contain_text("All 2 files are stored")
        assert [path.name for path in spooled(server)] == ["original.mp3"]
        expect(page.locator("[data-ref=notify]")).to_be_hidden()
        page.close()
