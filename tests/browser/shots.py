"""Screenshots of every state of the upload page and the admin: `make shots`."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.late_scenes import Late
from tests.browser.library_scenes import Library
from tests.browser.panel_scenes import PanelScenes
from tests.browser.people_scenes import PeopleScenes
from tests.browser.plain_scenes import STATION, PlainPages
from tests.browser.proxy import SlowProxy
from tests.browser.scene import LANGUAGES, Scene
from tests.browser.scenes import Stage
from tests.support.server import Server

SCENES: tuple[type[Scene], ...] = (Stage, Late, PeopleScenes, PanelScenes)
WIDTHS = {390: 844, 1280: 800}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "light", "forced_colors": "active"},
}


def shoot(page: Page, folder: Path, language: str, state: str) -> None:
    """Take one screenshot for each theme and width."""
    for name, media in LOOKS.items():
        page.emulate_media(reduced_motion="reduce", **media)
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=folder / f"{state}-{width}-{name}-{language}.png", full_page=True)
    # Chromium keeps some of the forced colours in tables and in pages loaded meanwhile.
    page.emulate_media(forced_colors="none")
    page.evaluate("({ style } = document.documentElement, style.display = 'none', scrollX, style.display = '')")


def main(folder: Path) -> None:
    """Take all screenshots, with a new server for each language."""
    folder.mkdir(parents=True, exist_ok=True)
    path = next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for language, locale in LANGUAGES.items():
            for take in TAKES:
                with tempfile.TemporaryDirectory() as name, browser.new_context(locale=locale) as context:
                    take(context, Path(name), folder, language)
        browser.close()


def shoot_scenes(scenes: type[Scene], context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """Take those of a page through all states of its scenes in one language; server and files are in `place`."""
    page = context.new_page()
    with standing(place, page, scenes.host) as (server, line):
        scenes(page, server, line, place, language, lambda state: shoot(page, folder, language, state)).play()


def shoot_plain_pages(context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """Take those of the pages without scripts."""
    page = context.new_page()
    with Server(place / "data", **STATION) as server:
        PlainPages(page, server, place, lambda state: shoot(page, folder, language, state)).play()


def shoot_library(context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """Take those of the admin in one language."""
    sender, page = context.new_page(), context.new_page()
    with standing(place, sender, Library.host) as (server, line):
        Library(page, server, line, place, language, lambda state: shoot(page, folder, language, state), sender).play()


TAKES: list[Callable[[BrowserContext, Path, Path, str], None]] = [
    *(partial(shoot_scenes, scenes) for scenes in SCENES),
    shoot_plain_pages,
    shoot_library,
]
"""Functions that take the screenshots of some pages."""


@contextmanager
def standing(place: Path, page: Page, host: str) -> Iterator[tuple[Server, SlowProxy]]:
    """Yield a new server and the proxy to it, through which the page is open."""
    (place / "data").mkdir()
    with Server(place / "data", verdict_wait_slice=0, host=host) as server, SlowProxy(server.url) as line:
        page.goto(line.url)
        page.locator("html.ready").wait_for()
        yield server, line


if __name__ == "__main__":
    main(Path(sys.argv[1]))
