"""A file that the server cannot finish by its own fault: the page says that it is safe and needs the station."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import pick, row, state
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG
from tests.support.server import Server

SPOIL = """
CREATE TRIGGER spoil AFTER UPDATE ON uploads WHEN new.state = 'received' AND new.length IS NOT NULL
BEGIN UPDATE uploads SET length = NULL WHERE id = new.id; END
"""
"""SQL that removes the length of complete uploads, which no client can do: verification then always fails."""

Make = Callable[..., Path]


def test_an_error_of_the_server_is_shown_also_after_a_reload(fresh_server: Server, visitor: Visitor, mp3: Make) -> None:
    # The pages still send requests when the proxy stops.
    visitor.failed_loads_expected = True
    with SlowProxy(fresh_server.url, rate=3_000_000) as line:
        page = visitor.visit(line.url)
        pick(page, mp3("stuck.mp3", LONG))
        state(page, "stuck.mp3", "sending")
        with closing(sqlite3.connect(fresh_server.data / "catalogue.sqlite3")) as rows, rows:
            rows.execute(SPOIL)
        line.rate = None
        stuck = state(page, "stuck.mp3", "stuck", 30)
        expect(stuck).to_contain_text("Everything arrived and is safe")
        expect(stuck).to_contain_text("please tell the station")
        page.reload()
        state(page, "stuck.mp3", "stuck")
        korean = visitor.visit(line.url, locale="ko-KR", storage_state=page.context.storage_state())
        expect(row(korean, "stuck.mp3")).to_contain_text("안전하게 보관되어")
        assert list(fresh_server.partials.glob("*")) != []
