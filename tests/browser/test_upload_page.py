"""The upload page: from a chosen file to the spool."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, Ask, Make, spooled, to_the_middle
from tests.support.server import Server


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
    expect(row(page, "untitled.mp3").locator("[data-ref=saved]")).to_have_text("Saved")
    assert api("uploads?state=receiving")["uploads"][0]["tags"]["title"] == "밤을 잊은 그대에게"


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
        # It still asks for what was sent.
        page.close()
