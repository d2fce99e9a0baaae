"""Base of the scenes, which bring pages into all their states."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from playwright.sync_api import Locator, Page

from tests.browser.proxy import SlowProxy
from tests.support.server import Server

LANGUAGES = {"en": "en-US", "ko": "ko-KR"}
NAMES = {
    "en": (
        "Sunday Night with Kim and the very long guest list (final mix v3).mp3",
        "Morning Talk.mp3",
        "Jingle.mp3",
        "News.mp3",
    ),
    "ko": (
        "일요일 밤의 음악 여행, 김 피디와 아주 긴 초대 손님 명단 (최종 믹스 3).mp3",
        "아침 이야기.mp3",
        "시그널.mp3",
        "뉴스.mp3",
    ),
}
"""File names by language; the first one is too long for a row."""


@dataclass
class Scene:
    """A page, the proxy to its server, and a folder for its files. `look` is called with each state that is reached.

    `states` names them; on `host` the server listens: on one that is not this machine alone it wants its token.
    """

    states: ClassVar[tuple[str, ...]]
    host: ClassVar[str] = "127.0.0.1"

    page: Page
    server: Server
    line: SlowProxy
    folder: Path
    language: str
    look: Callable[[str], None]

    def play(self) -> None:
        """Bring the page into every state, in the order of its list."""
        raise NotImplementedError

    def reload(self) -> None:
        """Reload the page and wait until its buttons work."""
        self.page.reload()
        self.page.locator("html.ready").wait_for()


def stated(page: Page, state: str) -> Locator:
    """Return the rows in a state."""
    return page.locator(f'.row[data-state="{state}"]')
