"""Many files at once: totals, order, equal files, and the summary."""

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, cancel, drop, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.test_upload_page import LONG, spooled
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]

SIZES = {"B": 1, "KB": 1024, "MB": 1024**2}
UNITS = {"h": 3600, "min": 60, "s": 1}
STEP_SECONDS = 6
"""Rounding of the time left, which is shown in steps of five seconds and updated twice a second."""


def sum_line(page: Page) -> str:
    return page.locator("[data-ref=sum]").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def told(text: str) -> tuple[int, int, float, float, int | None]:
    """Return files done, files, bytes sent, bytes and seconds left of the heading."""
    files = re.search(r"(\d+) of (\d+) files?", text)
    amount = re.search(r"([\d.]+) (B|KB|MB) of ([\d.]+) (B|KB|MB)", text)
    assert files, text
    assert amount, text
    left = re.search(r"((?:\d+ (?:h|min|s) )+)left", text)
    seconds = sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+) (h|min|s)", left[1])) if left else None
    sent, length = float(amount[1]) * SIZES[amount[2]], float(amount[3]) * SIZES[amount[4]]
    return int(files[1]), int(files[2]), sent, length, seconds


def test_twenty_files_have_one_total_that_never_decreases_and_a_summary(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make
) -> None:
    line.rate = 600_000
    files = [mp3(f"part {k:02}.mp3", 40 + 3 * k) for k in range(20)]
    page = visitor.visit(line.url)
    # Drawing is not measured here.
    page.emulate_media(reduced_motion="reduce")
    pick(page, *files)
    seen: list[tuple[float, tuple[int, int, float, float, int | None]]] = []
    titles: list[int] = []
    spoken: list[str] = []
    while "stored" not in (text := sum_line(page)):
        if text:
            seen.append((time.monotonic(), told(text)))
        if percent := re.match(r"(\d+)%", page.title()):
            titles.append(int(percent[1]))
        said = page.locator("[data-ref=live]").inner_text()
        spoken += [said] if said not in spoken else []
        page.wait_for_timeout(200)
        assert len(seen) < 1000
    end = time.monotonic()
    expect(page.locator("[data-ref=sum]")).to_have_text("All 20 files are stored. You may close this page.")
    expect(page.locator("[data-ref=whole]")).to_be_hidden()
    assert page.title().startswith("Done")
    assert len(spooled(server)) == 20

    assert {files for _, (_, files, *_) in seen} == {20}
    assert len({length for _, (_, _, _, length, _) in seen}) == 1
    for (_, before), (_, after) in itertools.pairwise(seen):
        assert after[0] >= before[0]
        assert after[2] >= before[2]
    assert titles == sorted(titles)
    tenths = [int(text[:-7]) for text in spoken if text.endswith("% sent.")]
    assert tenths == sorted(tenths)
    guesses = [(end - at, seconds) for at, (*_, seconds) in seen if seconds is not None]
    assert len(guesses) > len(seen) / 2
    wrong = [(true, guess) for true, guess in guesses if abs(guess - true) > max(0.35 * true, STEP_SECONDS)]
    # A loaded machine delays the end itself, so a few guesses may miss it.
    assert len(wrong) <= len(guesses) / 5, wrong


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
    expect(page.locator("[data-ref=sum]")).to_have_text(
        "All 3 files are stored. You may close this page.", timeout=20_000
    )
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
        expect(page.locator("[data-ref=sum]")).to_contain_text("All 2 files are stored", timeout=20_000)
        assert [path.name for path in spooled(server)] == ["original.mp3"]
        expect(page.locator("[data-ref=notify]")).to_be_hidden()
        page.close()


TOTALS = """
    async ([base, steps]) => {
        const { newUpload } = await import(`${base}/static/js/upload.js`);
        const { QueueTotals } = await import(`${base}/static/js/queue-totals.js`);
        const totals = new QueueTotals();
        return steps.map((step) => totals.count(step.map(([key, state, sent, length]) => newUpload({
            key, state, length, filename: `${key}.mp3`, hasFile: true, received: sent ? [[0, sent]] : [],
        }))));
    }
"""


def test_totals_over_all_final_states(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    steps = [
        [("a", "sending", 10, 100), ("b", "queued", 0, 100), ("c", "asking", 0, 50)],
        # Cleared finished uploads still count, refused ones as far as they were sent, cancelled ones not at all.
        [("b", "sending", 60, 100), ("c", "asking", 0, 50), ("d", "queued", 0, 30)],
        [("b", "refused", 60, 100), ("c", "cancelled", 0, 50), ("d", "tagging", 0, 30)],
        [("b", "refused", 60, 100), ("d", "ready", 30, 30)],
        # A new queue, in which the refused one still needs attention.
        [("b", "refused", 60, 100), ("d", "ready", 30, 30), ("e", "paused", 1, 40)],
        [("e", "elsewhere", 1, 40)],
    ]
    # Rows are counted before they are dismissed.
    steps.insert(1, [("a", "ready", 100, 100), *steps[0][1:]])
    seen = page.evaluate(TOTALS, [server.url, steps])
    names = ("done", "files", "sent", "length", "attention", "over", "paused")
    assert [tuple(one[name] for name in names) for one in seen] == [
        (1, 3, 10, 200, 1, False, False),
        (2, 3, 100, 200, 1, False, False),
        (2, 4, 160, 230, 1, False, False),
        (2, 3, 190, 190, 1, False, False),
        (3, 3, 190, 190, 1, True, False),
        (1, 2, 61, 100, 1, False, True),
        (0, 0, 0, 0, 0, True, False),
    ]


SPEED = """
    async ([base, shares]) => {
        const { newUpload } = await import(`${base}/static/js/upload.js`);
        const { PageSpeed } = await import(`${base}/static/js/page-speed.js`);
        const speed = new PageSpeed();
        let now = 0;
        let sent = 0;
        const told = [];
        for (const [state, seconds, rate] of shares) {
            for (let tick = 0; tick < seconds * 2; tick += 1) {
                now += 500;
                sent += rate / 2;
                // Slices of 4,000 bytes: what is recorded is always behind.
                const received = sent < 4000 ? [] : [[0, sent - sent % 4000]];
                const facts = { key: 'a', filename: 'a.mp3', length: 1e6, hasFile: true, state, received };
                speed.observe([newUpload(facts)], now);
            }
            told.push([speed.rate, speed.timeLeft(1e6 - sent, now)]);
        }
        return told;
    }
"""


def test_speed_of_the_page_follows_the_line_and_not_its_gaps(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    shares = [
        ("preparing", 20, 0),
        ("sending", 2, 10_000),
        ("sending", 20, 10_000),
        ("waiting", 600, 0),
        ("sending", 1, 10_000),
        ("sending", 60, 5_000),
    ]
    hashing, soon, steady, gap, again, slower = (rate for rate, _ in page.evaluate(SPEED, [server.url, shares]))
    assert (hashing, soon) == (None, None)
    assert abs(steady - 10_000) < 500
    assert gap == again == steady
    assert abs(slower - 5_000) < 500
