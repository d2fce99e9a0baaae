"""Two browsers: neither sees the other's uploads, and a link continues one in the other."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, choose_again, row, settle, state
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, OVERHEAD, recorded, spooled, to_the_middle
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]

TRIES = """async ([method, path, body]) => {
    const response = await fetch(path, { method, body, headers: body ? { "Content-Type": "application/json" } : {} });
    return [response.status, (await response.json().catch(() => ({}))).code];
}"""


def tries(page: Page, method: str, path: str, body: object = None) -> list[Any]:
    """Return status and code of the response to a script of the page."""
    response: list[Any] = page.evaluate(TRIES, [method, path, None if body is None else json.dumps(body)])
    return response


def copied_link(page: Page, name: str) -> str:
    """Return the link that the row's button copies to the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button(page, "Copy link to continue elsewhere", name).click()
    expect(row(page, name)).to_contain_text("Link copied")
    link: str = page.evaluate("navigator.clipboard.readText()")
    return link


def test_another_browser_neither_sees_nor_changes_an_upload(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    visitor.failed_loads_expected = True
    file = mp3("private.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    other = visitor.visit(line.url)
    other.wait_for_timeout(500)
    expect(other.locator(".row")).to_have_count(0)
    upload = f"/api/v1/uploads/{api('uploads?state=receiving')['uploads'][0]['id']}"
    assert tries(other, "DELETE", upload) == [404, "unknown_upload"]
    assert tries(other, "PATCH", upload, {"tags": {"title": "Theirs"}}) == [404, "unknown_upload"]
    assert tries(other, "GET", f"{upload}/cover") == [404, "unknown_upload"]
    state(page, file.name, "ready", 60)
    finished = api(upload.removeprefix("/api/v1/"))["file"]["url"]
    assert tries(other, "GET", f"{finished}/content") == [404, "unknown_file"]
    assert tries(page, "GET", f"{finished}/content")[0] == 200
    assert len(spooled(server)) == 1


@pytest.mark.parametrize("reload", [False, True])
def test_a_copied_link_continues_in_another_browser(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Ask, reload: bool
) -> None:
    file = mp3("at the studio.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    page.reload()
    state(page, file.name, "needs_file")
    link = copied_link(page, file.name)
    assert re.fullmatch(re.escape(line.url) + r"/#continue=[\w-]{22}", link)
    page.context.close()
    visitor.contexts.remove(page.context)

    other = visitor.visit(link)
    if reload:
        other.reload()
    waiting = state(other, file.name, "needs_file")
    expect(waiting).to_contain_text("Choose the same file to continue")
    assert other.url == f"{line.url}/"
    actions = [each.get_attribute("data-action") for each in waiting.locator(".actions button").all()]
    assert actions == ["choose", "share", "dismiss"]
    settle(other, lambda: line.sent)
    missing, before = file.stat().st_size - recorded(api), line.sent
    choose_again(other, file.name, file)
    sending = state(other, file.name, "sending")
    expect(sending.locator("[data-action=pause]")).to_be_visible()
    expect(sending.locator("[data-action=cancel], [data-action=details]")).to_have_count(0)
    state(other, file.name, "ready", 60)
    assert line.sent - before < missing + OVERHEAD
    (stored,) = spooled(server)
    assert file.read_bytes()[-100_000:] in stored.read_bytes()


def test_the_first_browser_shows_that_another_one_finished(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    file = mp3("handed on.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    page.reload()
    state(page, file.name, "needs_file")
    other = visitor.visit(copied_link(page, file.name))
    choose_again(other, file.name, file)
    state(other, file.name, "ready", 60)
    page.bring_to_front()
    state(page, file.name, "ready", 20)


def test_a_dismissed_link_does_not_come_back(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    file = mp3("not mine.mp3", LONG)
    page = visitor.visit(line.url)
    to_the_middle(page, api, file)
    page.reload()
    state(page, file.name, "needs_file")
    other = visitor.visit(copied_link(page, file.name))
    state(other, file.name, "needs_file")
    button(other, "Dismiss", file.name).click()
    other.reload()
    other.wait_for_timeout(500)
    expect(other.locator(".row")).to_have_count(0)
    state(page, file.name, "needs_file")


def test_a_link_to_no_upload_shows_an_error(server: Server, visitor: Visitor) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(f"{server.url}/#continue={'x' * 22}")
    expect(page.locator("[data-ref=link-failed]")).to_have_text(
        "This link is not for an upload here. Please ask for a new one."
    )
    assert page.url == f"{server.url}/"


def test_over_plain_http_the_link_is_shown_for_copying(line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask) -> None:
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(f"{dialog.type} {dialog.default_value}")
        dialog.accept()

    page = visitor.visit(line.url, questions=True)
    page.add_init_script("delete Navigator.prototype.clipboard")
    page.on("dialog", agree)
    to_the_middle(page, api, mp3("plain.mp3", LONG))
    page.reload()
    state(page, "plain.mp3", "needs_file")
    button(page, "Copy link to continue elsewhere", "plain.mp3").click()
    expect(row(page, "plain.mp3")).to_contain_text("Link copied")
    upload = api("uploads?state=receiving")["uploads"][0]["id"]
    assert asked == ["beforeunload ", f"prompt {line.url}/#continue={upload}"]


def test_the_details_of_an_open_upload_have_the_link_too(
    line: SlowProxy, visitor: Visitor, mp3: Make, api: Ask
) -> None:
    page = visitor.visit(line.url)
    to_the_middle(page, api, mp3("on its way.mp3", LONG))
    button(page, "Details", "on its way.mp3").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    share = page.get_by_role("button", name="Copy link to continue elsewhere", exact=True)
    share.click()
    expect(page.get_by_role("button", name="Link copied", exact=True)).to_be_visible()
    upload = api("uploads?state=receiving")["uploads"][0]["id"]
    assert page.evaluate("navigator.clipboard.readText()") == f"{line.url}/#continue={upload}"
