"""Drops, the queue, and files that the browser remembers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, cancel, drop, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, recorded, spooled
from tests.support.mp3 import make_mp3
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]


def test_dropped_files_are_sent(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url)
    drop(page, mp3("left.mp3"), mp3("right.mp3"))
    state(page, "left.mp3", "ready")
    state(page, "right.mp3", "ready")
    expect(page.locator("[data-ref=veil]")).to_be_hidden()


def test_all_110_files_of_a_dropped_folder_are_sent_in_order(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    """A browser lists a folder a hundred names at a time."""
    folder = tmp_path / "archive"
    inner = folder / "more"
    inner.mkdir(parents=True)
    for number in range(110):
        where = inner if number >= 105 else folder
        (where / f"show {number}.mp3").write_bytes(make_mp3(0.2, seed=50_000 + number))
    (folder / ".hidden").write_text("no")
    page = visitor.visit(server.url)
    drop(page, folder)
    expect(page.locator(".row")).to_have_count(110)
    added = "rows => rows.sort((a, b) => a.dataset.key.slice(1) - b.dataset.key.slice(1))"
    names = page.locator(".row").evaluate_all(f"{added}.map((row) => row.querySelector('.name').title)")
    assert sorted(names) == sorted(f"show {number}.mp3" for number in range(110))
    top = [name for name in names if int(name[5:-4]) < 105]
    assert top == [f"show {number}.mp3" for number in range(105)]
    expect(page.locator('.row[data-state="ready"]')).to_have_count(110, timeout=180_000)
    assert len(spooled(server)) == 110


def test_send_this_first_goes_before_the_others(line: SlowProxy, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(line.url)
    pick(page, *(mp3(f"{name}.mp3", LONG) for name in "abcd"))
    state(page, "a.mp3", "sending")
    expect(button(page, "Send this first", "c.mp3")).to_have_count(0)
    button(page, "Send this first", "d.mp3").click()
    names = page.locator(".row .name")
    wanted = ["a.mp3", "b.mp3", "d.mp3", "c.mp3"]
    until(lambda: names.evaluate_all("names => names.map((name) => name.title)") == wanted, page)
    cancel(page, "a.mp3")
    state(page, "d.mp3", "sending")
    expect(row(page, "c.mp3")).to_have_attribute("data-state", "queued")


def test_a_dropped_file_is_remembered_over_a_reload(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    """Some headless browsers grant permission by themselves, then no click is needed; others need the click."""
    page = visitor.visit(line.url)
    drop(page, mp3("remembered.mp3", LONG))
    until(lambda: recorded(api) >= 1_000_000, page)
    page.reload()
    offered = button(page, "Continue", "remembered.mp3")
    ready = page.locator('.row[data-state="ready"]')
    expect(offered.or_(ready)).to_be_visible(timeout=60_000)
    # A browser that gives leave by itself takes the offer away again.
    expect(button(page, "Choose file again", "remembered.mp3").or_(ready)).to_be_visible(timeout=60_000)


PERSON = """
    // What a person answers to the browser's question stands in `answer`; headless browsers ask nobody.
    globalThis.answer = 'denied';
    FileSystemHandle.prototype.queryPermission = async () => 'prompt';
    FileSystemHandle.prototype.requestPermission = async () => answer;
"""


def test_permission_needs_a_click_and_a_denial_is_no_error(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    file = mp3("asked.mp3", LONG)
    page = visitor.visit(line.url)
    page.context.add_init_script(PERSON)
    drop(page, file)
    until(lambda: recorded(api) >= 1_000_000, page)
    page.reload()
    waiting = state(page, file.name, "needs_file")
    button(page, "Continue", file.name).click()
    expect(waiting).to_contain_text("not allowed to read the file")
    expect(button(page, "Choose file again", file.name)).to_be_visible()
    expect(waiting.locator("[data-action=as_new]")).to_have_count(0)
    page.evaluate("answer = 'granted'")
    button(page, "Continue", file.name).click()
    state(page, file.name, "ready", 60)
    assert len(spooled(server)) == 1


def test_a_file_over_the_limit_has_a_warning_while_it_waits(visitor: Visitor, mp3: Make, tmp_path: Path) -> None:
    visitor.failed_loads_expected = True
    large = tmp_path / "large.mp3"
    large.write_bytes(b"\0" * 21_000_000)
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data", file_limit=20_000_000) as server, SlowProxy(server.url, rate=2_000_000) as line:
        page = visitor.visit(line.url)
        pick(page, mp3("a.mp3", 400), mp3("b.mp3", 400), large)
        expect(state(page, "large.mp3", "queued")).to_contain_text("Larger than the 19 MB that are accepted here")
        expect(state(page, "large.mp3", "refused", 40)).to_contain_text("larger than the 19 MB")
        page.close()


def test_with_permission_an_upload_continues_after_a_reload_without_a_click(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    """The origin private file system replaces a disk with permission, which headless Chromium cannot grant."""
    file = mp3("kept.mp3", LONG)
    page = visitor.visit(line.url)
    pick(page, file)
    until(lambda: recorded(api) >= 1_000_000, page)
    upload = api("uploads?state=receiving")["uploads"][0]
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'disk' }))")
    page.set_input_files("#disk", str(file))
    page.evaluate(
        """async ([id, module]) => {
            const folder = await navigator.storage.getDirectory();
            const handle = await folder.getFileHandle('kept.mp3', { create: true });
            const out = await handle.createWritable();
            await out.write(document.getElementById('disk').files[0]);
            await out.close();
            await (await import(module)).keepHandle(id, handle);
        }""",
        [upload["id"], f"{line.url}/static/js/file-handles.js"],
    )
    page.reload()
    state(page, "kept.mp3", "ready", 60)
    assert len(spooled(server)) == 1
