"""The page says when the server already has a file."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, state, until
from tests.browser.proxy import SlowProxy
from tests.browser.sending import spooled
from tests.support.server import Server

Make = Callable[..., Path]


def test_the_same_small_file_is_not_sent_twice_unless_asked(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url)
    pick(page, mp3("jingle.mp3", 20, seed=7001))
    state(page, "jingle.mp3", "ready")
    posted = len(visitor.posted)
    pick(page, mp3("the same jingle.mp3", 20, seed=7001))
    there = state(page, "the same jingle.mp3", "duplicate")
    expect(there).to_contain_text("as “jingle.mp3”")
    expect(there.get_by_role("link")).to_have_attribute("href", "admin")
    assert len(visitor.posted) == posted
    button(page, "Send it again", "the same jingle.mp3").click()
    state(page, "the same jingle.mp3", "ready")
    assert len(spooled(server)) == 2


def test_a_duplicate_large_file_is_found_while_it_is_sent_and_cancelled(
    line: SlowProxy, server: Server, visitor: Visitor, mp3: Make, api: Callable[[str], dict[str, list[object]]]
) -> None:
    line.rate = None
    file = mp3("long talk.mp3", 2500, seed=7002)
    page = visitor.visit(line.url)
    pick(page, file)
    state(page, "long talk.mp3", "ready")
    button(page, "Dismiss", "long talk.mp3").click()
    line.rate, before = 1_500_000, line.sent
    pick(page, file)
    state(page, "long talk.mp3", "duplicate")
    assert line.sent - before < file.stat().st_size / 2
    until(lambda: api("uploads?state=receiving")["uploads"] == [], page)
    assert len(spooled(server)) == 1
    expect(row(page, "long talk.mp3")).to_contain_text("Nothing had to be sent")
