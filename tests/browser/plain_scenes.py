"""All states of the pages without scripts, and the upload page of a station with a name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.support.mp3 import make_mp3
from tests.support.server import Server

PLAIN_STATES = (
    "station",
    "plain-form",
    "plain-details",
    "plain-stored",
    "plain-refused",
    "plain-damaged",
    "plain-not-found",
    "plain-problem",
)
STATION: dict[str, Any] = {"station_name": "Radio Mapo", "contact": "studio@radio.example"}
MAIN = "**/main.js"


@dataclass
class PlainPages:
    """A page whose server has the settings of STATION, in each of PLAIN_STATES."""

    page: Page
    server: Server
    folder: Path
    look: Callable[[str], None]

    def play(self) -> None:
        """Bring the page into every state of PLAIN_STATES."""
        page, url = self.page, self.server.url
        page.goto(url)
        page.locator("html.ready").wait_for()
        self.look("station")
        self.open_form()
        self.look("plain-form")
        page.locator(".plain summary").click()
        page.locator("input[name=title]").fill("Night & Day")
        page.locator("input[name=date]").fill("2026-11-29")
        self.look("plain-details")
        good = self.folder / "일요일 밤의 음악 여행 (final mix).mp3"
        good.write_bytes(make_mp3(12, seed=4711))
        self.send(good)
        self.look("plain-stored")
        page.locator("main a").click()
        self.open_form()
        words = self.folder / "notes.mp3"
        words.write_bytes(b"these are words\n" * 1000)
        page.locator("input[name=name]").fill("Kim")
        page.locator(".plain summary").click()
        page.locator("input[name=title]").fill('The "quoted" night')
        self.send(words)
        self.look("plain-refused")
        cut = self.folder / "cut.mp3"
        cut.write_bytes(make_mp3(12, seed=4712)[:-100])
        self.send(cut)
        self.look("plain-damaged")
        page.goto(f"{url}/nothing")
        self.look("plain-not-found")
        page.goto(f"{url}/problems/not_mp3")
        self.look("plain-problem")

    def open_form(self) -> None:
        """Open the form as a browser shows it that does not run modules."""
        self.page.route(MAIN, empty)
        self.page.goto(self.server.url)
        self.page.evaluate("document.documentElement.classList.remove('js')")

    def send(self, file: Path) -> None:
        """Choose a file in the form and send it."""
        self.page.set_input_files("input[name=mp3]", str(file))
        self.page.locator("button[type=submit]").click()
        expect(self.page.locator(".message")).to_be_visible()


def empty(route: Route) -> None:
    """Respond with an empty module."""
    route.fulfill(body="", content_type="text/javascript")
