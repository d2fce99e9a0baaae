"""Pictures of every state of the upload page and the admin: `python -m tests.browser.shots FOLDER`, or `make shots`."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.late_scenes import Late
from tests.browser.library_scenes import Library
from tests.browser.plain_scenes import STATION, PlainPages
from tests.browser.proxy import SlowProxy
from tests.browser.scenes import LANGUAGES, Stage
from tests.support.server import Server

WIDTHS = {390: 844, 1280: 800}
THEMES = ("light", "dark")


def shoot(page: Page, folder: Path, language: str, state: str) -> None:
    """One picture for each width and theme."""
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # THEMES are its names
            page.screenshot(path=folder / f"{state}-{width}-{theme}-{language}.png", full_page=True)


def main(folder: Path) -> None:
    """Makes them all; the server of each language is its own, so that nothing is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    path = next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for language, locale in LANGUAGES.items():
            for shoot_scenes in (shoot_page, shoot_late, shoot_plain_pages, shoot_library):
                with tempfile.TemporaryDirectory() as name, browser.new_context(locale=locale) as context:
                    shoot_scenes(context, Path(name), folder, language)
        browser.close()


def shoot_page(context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """The upload page in one language; server and files live in `place`."""
    page = context.new_page()
    with standing(place, page) as (server, line):
        Stage(page, server, line, place, language, lambda state: shoot(page, folder, language, state)).play()


def shoot_plain_pages(context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """The pages without scripts, likewise."""
    with Server(place / "data", **STATION) as server:
        PlainPages(
            context.new_page(), server, place, lambda state: shoot(context.pages[0], folder, language, state)
        ).play()


def shoot_late(context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """The upload page of a server that wants its token, likewise."""
    page = context.new_page()
    with standing(place, page, host="0.0.0.0") as (server, line):
        Late(page, server, line, place, language, lambda state: shoot(page, folder, language, state)).play()


def shoot_library(context: BrowserContext, place: Path, folder: Path, language: str) -> None:
    """The admin in one language, likewise."""
    sender, page = context.new_page(), context.new_page()
    with standing(place, sender) as (server, line):
        Library(sender, page, server, line, place, language, lambda state: shoot(page, folder, language, state)).play()


@contextmanager
def standing(place: Path, page: Page, host: str = "127.0.0.1") -> Iterator[tuple[Server, SlowProxy]]:
    """A new server and the line to it, on which the page is open."""
    (place / "data").mkdir()
    with Server(place / "data", verdict_wait_slice=0, host=host) as server, SlowProxy(server.url) as line:
        page.goto(line.url)
        page.locator("html.ready").wait_for()
        yield server, line


if __name__ == "__main__":
    main(Path(sys.argv[1]))
