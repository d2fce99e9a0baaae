"""The upload page: from a chosen file to the spool, also on a bad line."""

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, choose_again, pick, row, settle, state, until
from tests.browser.proxy import SlowProxy
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]

LONG = 900
"""Seconds of a file that takes about five seconds on the slow line."""


OVERHEAD = 200_000
"""Allowance in bytes for headers, polls and the page; less than the smallest slice."""


def recorded(api: Ask) -> int:
    uploads = api("uploads?state=receiving")["uploads"]
    return sum(stop - start for upload in uploads for start, stop in upload["received"])


def spooled(server: Server) -> list[Path]:
    return sorted((server.data / "spool" / "mp3").iterdir())


def to_the_middle(page: Page, api: Ask, file: Path) -> int:
    pick(page, file)
    until(lambda: recorded(api) >= 2_000_000, page)
    return recorded(api)


def test_a_picked_file_is_spooled_and_shown_as_ready(server: Server, visitor: Visitor, mp3: Make) -> None:
    file = mp3("evening show.mp3", 400)
    page = visitor.visit(server.url)
    pick(page, file)
    ready = state(page, "evening show.mp3", "ready")
    expect(ready).to_contain_text("Stored at the station")
    (stored,) = spooled(server)
    assert stored.name == "evening show.mp3"
    assert file.read_bytes()[-100_000:] in stored.read_bytes()


def test_several_files_all_arrive(server: Server, visitor: Visitor, mp3: Make) -> None:
    files = [mp3(f"part {k}.mp3", 30 + k) for k in range(5)]
    page = visitor.visit(server.url)
    pick(page, *files)
    for file in files:
        state(page, file.name, "ready")
    assert [path.name for path in spooled(server)] == [file.name for file in files]


def test_typed_tags_are_saved_while_bytes_flow(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("untitled.mp3", LONG))
    line.rate = 300_000
    button(page, "Details", "untitled.mp3").click()
    page.get_by_label("Title", exact=True).fill("밤을 잊은 그대에게")
    expect(row(page, "untitled.mp3").locator("[data-ref=saved]")).to_have_text("Saved", timeout=5000)
    assert api("uploads?state=receiving")["uploads"][0]["tags"]["title"] == "밤을 잊은 그대에게"


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


def test_text_named_mp3_is_rejected_with_the_reason_and_stays(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "notes.mp3"
    file.write_text("not a sound\n" * 5000)
    page = visitor.visit(server.url)
    pick(page, file)
    rejected = state(page, "notes.mp3", "rejected")
    expect(rejected).to_contain_text("this is not an MP3 file")
    assert spooled(server) == []
    page.wait_for_timeout(1000)
    expect(rejected).to_be_visible()
    button(page, "Dismiss", "notes.mp3").click()
    expect(page.locator(".row")).to_have_count(0)


def test_warnings_and_errors_of_a_file_are_shown(server: Server, visitor: Visitor, mp3: Make) -> None:
    odd, cut = mp3("odd.mp3"), mp3("cut short.mp3")
    odd.write_bytes(odd.read_bytes() + b"?" * 100)
    cut.write_bytes(cut.read_bytes()[:-100])
    page = visitor.visit(server.url)
    pick(page, odd, cut)
    expect(state(page, odd.name, "ready")).to_contain_text("unrecognised bytes after the audio")
    expect(state(page, cut.name, "rejected")).to_contain_text("the end is cut off at 0:10")
    page.get_by_role("button", name="한국어").click()
    expect(row(page, odd.name)).to_contain_text("소리 뒤에 오디오가 아닌 데이터가 있습니다")
    expect(row(page, cut.name)).to_contain_text("0:10에서 끝이 잘려 있습니다")


def test_an_empty_file_is_not_sent(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp3"
    empty.write_bytes(b"")
    page = visitor.visit(server.url)
    pick(page, empty)
    expect(state(page, "empty.mp3", "refused")).to_contain_text("the file is empty")
    assert visitor.posted == []


def test_pause_stops_and_resume_continues(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    file = mp3("pause.mp3", LONG)
    to_the_middle(page, api, file)
    line.rate = 1_000_000
    button(page, "Pause", "pause.mp3").click()
    expect(state(page, "pause.mp3", "paused")).to_contain_text("Paused", timeout=15_000)
    settle(page, lambda: line.sent)
    held = recorded(api)
    page.wait_for_timeout(1500)
    assert recorded(api) == held < file.stat().st_size
    button(page, "Resume", "pause.mp3").click()
    state(page, "pause.mp3", "ready", 60)


def test_cancel_asks_once_and_frees_the_server(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("cancel.mp3", LONG))
    button(page, "Cancel", "cancel.mp3").click()
    row(page, "cancel.mp3").locator("[data-action=sure]").click()
    state(page, "cancel.mp3", "cancelled")
    until(lambda: api("uploads?state=receiving")["uploads"] == [], page)
    expect(button(page, "Start again", "cancel.mp3")).to_be_visible()


def test_time_left_is_hidden_at_first_and_right_after_five_seconds(
    line: SlowProxy, visitor: Visitor, mp3: Make
) -> None:
    line.rate = 1_000_000
    file = mp3("long.mp3", 5400)
    page = visitor.visit(line.url)
    pick(page, file)
    state(page, "long.mp3", "sending")
    began, sent = time.monotonic(), line.sent
    pace = row(page, "long.mp3").locator("[data-ref=pace]")
    page.wait_for_timeout(1500)
    assert pace.inner_text().strip() == ""
    page.wait_for_timeout(max(0.0, 1000 * (5 - (time.monotonic() - began))))
    until(lambda: "·" in pace.inner_text(), page)
    told = seconds_left(pace.inner_text())
    true = (file.stat().st_size - (line.sent - sent)) / line.rate
    assert abs(told - true) < 0.2 * true, (told, true)


def seconds_left(text: str) -> int:
    """Return the seconds of a text such as `1 min 20 s left`."""
    units = {"h": 3600, "min": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)\s(h|min|s) ", text.split("·")[1]))


def test_progress_is_in_the_title_of_the_tab(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("title.mp3", LONG))
    until(lambda: "%" in page.title(), page, 3)
    state(page, "title.mp3", "ready", 60)
    until(lambda: "%" not in page.title(), page, 3)


SPOKEN = """
    new MutationObserver(([change]) => {
        (globalThis.spoken ??= []).push([performance.now(), change.target.textContent]);
    }).observe(document.querySelector('[data-ref=live]'), { childList: true, characterData: true, subtree: true });
"""


def test_progress_is_announced_at_most_once_in_five_seconds(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    page.evaluate(f"() => {{{SPOKEN}}}")
    # Twice as long: progress is first announced five seconds after the file was added.
    pick(page, mp3("heard.mp3", 2 * LONG))
    until(lambda: "stored" in page.locator("[data-ref=live]").inner_text(), page, 60)
    times, texts = zip(*page.evaluate("spoken"), strict=True)
    assert texts[0] == "1 file added."
    assert texts[-1] == "“heard.mp3” is stored."
    assert all(re.fullmatch(r"\d+% sent\.", text) for text in texts[1:-1])
    assert len(texts) > 2
    assert min(after - before for before, after in itertools.pairwise(times)) > 4900


def test_korean_browsers_get_korean_words_and_the_switch_is_remembered(
    server: Server, visitor: Visitor, mp3: Make
) -> None:
    page = visitor.visit(server.url, locale="ko-KR")
    expect(page.get_by_role("heading", level=1)).to_have_text("오디오를 보내 주세요")
    pick(page, mp3("심야 방송.mp3"))
    expect(state(page, "심야 방송.mp3", "ready")).to_contain_text("방송국에 저장되었습니다")
    page.get_by_role("button", name="English").click()
    expect(row(page, "심야 방송.mp3")).to_contain_text("Stored at the station")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send us your audio")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_nothing_overflows_at_360_pixels(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    for locale in ("en-US", "ko-KR"):
        page = visitor.visit(line.url, locale=locale, viewport={"width": 360, "height": 700})
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) == 0
        name = f"{locale} a very long name without an end 아주 긴 이름 끝이 없는 이름 {'x' * 60}.mp3"
        pick(page, mp3(name, LONG))
        state(page, locale, "sending")
        row(page, locale).locator("[data-action=details]").click()
        assert page.evaluate(wide) == 0
        page.close()


def test_at_twice_the_size_without_colours_or_motion_everything_is_visible(
    line: SlowProxy, visitor: Visitor, mp3: Make
) -> None:
    """1280 pixels at 200 % are 640 CSS pixels; the system asks for forced colours and reduced motion."""
    page = visitor.visit(
        line.url,
        viewport={"width": 640, "height": 400},
        device_scale_factor=2,
        forced_colors="active",
        reduced_motion="reduce",
    )
    pick(page, mp3("plain to see.mp3", LONG))
    mine = state(page, "plain to see.mp3", "sending")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    for name in ("Details", "Pause", "Cancel"):
        box = button(page, name, "plain to see.mp3").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 640
    expect(mine.locator(".percent")).to_be_visible()
    safe, paper = (
        mine.locator(part).evaluate("element => getComputedStyle(element).backgroundColor")
        for part in (".safe", ".track")
    )
    assert safe != paper
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_proxys_413_makes_the_slices_smaller(line: SlowProxy, server: Server, visitor: Visitor, mp3: Make) -> None:
    visitor.failed_loads_expected = True
    line.largest_body = 300_000
    page = visitor.visit(line.url)
    pick(page, mp3("behind nginx.mp3", 120))
    state(page, "behind nginx.mp3", "ready")
    assert len(spooled(server)) == 1


def test_over_plain_http_uploads_work_without_digests_and_the_page_says_so(
    tmp_path: Path, visitor: Visitor, mp3: Make
) -> None:
    data = tmp_path / "lan"
    data.mkdir()
    with Server(data, allowed_hosts='["radio.test"]') as server:
        page = visitor.visit(server.url.replace("127.0.0.1", "radio.test"))
        assert page.evaluate("window.isSecureContext") is False
        expect(page.locator("[data-ref=plain-http]")).to_be_visible()
        pick(page, mp3("in the studio.mp3"))
        state(page, "in the studio.mp3", "ready")
        assert len(spooled(server)) == 1


def test_both_languages_have_the_same_texts(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    for folder in ("js", "js/admin", "js/findings"):
        english, korean = (
            page.evaluate(
                "async (path) => (await import(path)).default", f"{server.url}/static/{folder}/words.{tag}.js"
            )
            for tag in ("en", "ko")
        )
        assert list(english) == list(korean)
        for key in english:
            assert placeholders(english[key]) == placeholders(korean[key]), key


def placeholders(entry: str | dict[str, str]) -> set[str]:
    text = entry if isinstance(entry, str) else entry["other"]
    return set(re.findall(r"\{\w+\}", text))
