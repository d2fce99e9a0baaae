"""Uploads that continue without the user: screen lock, offline, kills, two tabs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import pick, row, settle, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, OVERHEAD, recorded, spooled, to_the_middle
from tests.support.server import Server

OFFLINE = float(os.environ.get("OFFLINE", "12"))
"""Seconds offline: some retries fail and wait longer each time. `make torture` uses a minute."""

Make = Callable[..., Path]
Ask = Callable[[str], Any]


def test_the_screen_stays_on_while_something_is_sent(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    page = visitor.visit(line.url)
    awake = page.locator("html")
    to_the_middle(page, api, mp3("awake.mp3", LONG))
    expect(awake).to_have_attribute("data-awake", "true")
    other = visitor.tab(page.context)
    other.goto("about:blank")
    other.close()
    page.bring_to_front()
    expect(awake).to_have_attribute("data-awake", "true")
    state(page, "awake.mp3", "ready", 60)
    expect(awake).to_have_attribute("data-awake", "false")


def leave(page: Page, other: Page) -> list[str]:
    """Return the types of dialogs that closing the tab opens, and dismiss them. The other tab waits for them."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.close(run_before_unload=True)
    for _ in range(20):
        if asked or page.is_closed():
            break
        other.wait_for_timeout(100)
    return asked


def test_leaving_asks_for_confirmation_only_while_bytes_are_unsent(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    page = visitor.visit(line.url, questions=True)
    page.locator("[data-ref=sender]").click()
    to_the_middle(page, api, mp3("guarded.mp3", LONG))
    other = visitor.tab(page.context)
    assert leave(page, other) == ["beforeunload"]
    state(page, "guarded.mp3", "ready", 60)
    assert leave(page, other) == []
    assert page.is_closed()


def test_offline_mid_slice_loses_only_the_open_slices(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    visitor.failed_loads_expected = True
    file = mp3("offline.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    page.context.set_offline(True)
    expect(page.locator("[data-ref=line]")).to_contain_text("No connection", timeout=2000)
    settle(page, lambda: line.sent)
    held, before = recorded(api), line.sent
    page.wait_for_timeout(1000 * OFFLINE)
    assert recorded(api) == held
    page.context.set_offline(False)
    state(page, file.name, "ready", 60)
    assert line.sent - before < file.stat().st_size - held + OVERHEAD
    assert len(spooled(server)) == 1


def test_after_a_kill_no_recorded_byte_is_sent_again(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    visitor.failed_loads_expected = True
    file = mp3("killed twice.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    server.kill()
    state(page, file.name, "waiting", 5)
    settle(page, lambda: line.sent)
    before = line.sent
    server.start()
    held = recorded(api)
    state(page, file.name, "ready", 60)
    assert line.sent - before < file.stat().st_size - held + OVERHEAD
    assert len(spooled(server)) == 1


def test_the_same_file_in_two_tabs_is_sent_once(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    file = mp3("both.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    second = visitor.tab(page.context)
    second.goto(line.url)
    expect(state(second, file.name, "elsewhere")).to_contain_text("Another tab")
    pick(second, file)
    second.wait_for_timeout(500)
    expect(second.locator(".row")).to_have_count(1)
    state(second, file.name, "elsewhere")
    state(page, file.name, "ready", 60)
    state(second, file.name, "ready")
    assert len(spooled(server)) == 1


def test_an_upload_ends_although_the_sign_in_has_ended(visitor: Visitor, mp3: Make, tmp_path: Path) -> None:
    visitor.failed_loads_expected = True
    data = tmp_path / "open"
    data.mkdir()
    with Server(data, host="0.0.0.0") as server, SlowProxy(server.url, rate=3_000_000) as line:
        page = visitor.visit(f"{line.url}/admin#token={server.token}")
        page.goto(line.url)
        pick(page, mp3("signed out.mp3", LONG))
        sending = state(page, "signed out.mp3", "sending")
        until(lambda: sending.locator("[data-ref=percent]").inner_text() >= "20%", page)
        page.context.clear_cookies()
        state(page, "signed out.mp3", "ready", 60)
        assert len(spooled(server)) == 1
        expect(row(page, "signed out.mp3")).to_contain_text("Stored at the station")
