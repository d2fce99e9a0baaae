"""axe finds no serious problem in any state and theme.

Each state is seen in one language and one theme, in turn; in all with `PRODUCTS=all`.
"""

import os
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no stubs
from playwright.sync_api import Page

from tests.browser.conftest import Visitor
from tests.browser.late_scenes import LATE_STATES, Late
from tests.browser.library_scenes import LIBRARY_STATES, Library
from tests.browser.panel_scenes import PANEL_STATES, PanelScenes
from tests.browser.people_scenes import PEOPLE_STATES, PeopleScenes
from tests.browser.plain_scenes import PLAIN_STATES, STATION, PlainPages
from tests.browser.proxy import SlowProxy
from tests.browser.scene import LANGUAGES, Scene
from tests.browser.scenes import STATES, Stage
from tests.support.server import Server

SERIOUS = {"serious", "critical"}

THEMES = ("light", "dark")
ALL = os.environ.get("PRODUCTS") == "all"

AXE = Axe()


def themes_in_turn() -> Callable[[], tuple[str, ...]]:
    """Return a function that returns the themes for the next state."""
    turns = cycle(THEMES)
    return lambda: THEMES if ALL else (next(turns),)


def findings(page: Page, theme: str) -> list[str]:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # THEMES are its names
    # Once in each document: `Axe.run` would have its half megabyte compiled for each state and theme.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.axe_script)
    found = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"]})
    return [
        f"{problem['id']}: {', '.join(str(node['target']) for node in problem['nodes'])}"
        for problem in found["violations"]
        if problem["impact"] in SERIOUS
    ]


PLAYS: dict[type[Scene], tuple[tuple[str, ...], str]] = {
    Stage: (STATES, "127.0.0.1"),
    Late: (LATE_STATES, "0.0.0.0"),
    PeopleScenes: (PEOPLE_STATES, "0.0.0.0"),
    PanelScenes: (PANEL_STATES, "127.0.0.1"),
}
"""Scenes, their states, and where their server listens."""
NARROW = {PeopleScenes, PanelScenes}
"""Scenes whose states are looked at on a small phone too."""

PLAYED = [*product(PLAYS, LANGUAGES)] if ALL else [*zip(PLAYS, cycle(LANGUAGES))]
"""Scenes with the languages in which they are seen."""


@pytest.mark.parametrize("language", LANGUAGES if ALL else [*LANGUAGES][-1:])
def test_every_page_without_scripts_is_accessible(language: str, visitor: Visitor, tmp_path: Path) -> None:
    visitor.failed_loads_expected = True
    found: dict[str, list[str]] = {}
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data", **STATION) as server:
        page = visitor.visit(server.url, locale=LANGUAGES[language])

        themes = themes_in_turn()

        def look(state: str) -> None:
            for width in (320, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (state, width)
            for theme in themes():
                found[f"{state}, {theme}"] = findings(page, theme)

        PlainPages(page, server, tmp_path, look).play()
        page.close()
    assert {state.partition(",")[0] for state in found} == set(PLAIN_STATES)
    assert {state: what for state, what in found.items() if what} == {}


@pytest.mark.parametrize(("scenes", "language"), PLAYED)
def test_every_state_is_accessible_in_both_themes(
    scenes: type[Scene], language: str, visitor: Visitor, tmp_path: Path
) -> None:
    visitor.failed_loads_expected = True
    states, host = PLAYS[scenes]
    found: dict[str, list[str]] = {}
    narrow: dict[str, int] = {}
    with Server(tmp_path / "data", verdict_wait_slice=0, host=host) as server, SlowProxy(server.url) as line:
        page = visitor.visit(line.url, locale=LANGUAGES[language])

        themes = themes_in_turn()

        def look(state: str) -> None:
            for theme in themes():
                found[f"{state}, {theme}"] = findings(page, theme)
            if scenes in NARROW:
                narrow[state] = too_wide(page)

        scenes(page, server, line, tmp_path, language, look).play()
        page.close()
    assert {state.partition(",")[0] for state in found} == set(states)
    assert {state: what for state, what in found.items() if what} == {}
    assert {state: pixels for state, pixels in narrow.items() if pixels} == {}


@pytest.mark.parametrize("language", LANGUAGES if ALL else [*LANGUAGES][-1:])
def test_every_state_of_the_library_is_accessible(language: str, visitor: Visitor, tmp_path: Path) -> None:
    visitor.failed_loads_expected = True
    found: dict[str, list[str]] = {}
    narrow: dict[str, int] = {}
    with Server(tmp_path / "data", verdict_wait_slice=0) as server, SlowProxy(server.url) as line:
        sender = visitor.visit(line.url, locale=LANGUAGES[language])
        page = visitor.tab(sender.context)

        themes = themes_in_turn()

        def look(state: str) -> None:
            for theme in themes():
                found[f"{state}, {theme}"] = findings(page, theme)
            narrow[state] = too_wide(page)

        Library(page, server, line, tmp_path, language, look, sender).play()
        page.close()
    assert set(narrow) == set(LIBRARY_STATES)
    assert {state: what for state, what in found.items() if what} == {}
    assert {state: pixels for state, pixels in narrow.items() if pixels} == {}


def too_wide(page: Page) -> int:
    """Return by how many pixels the page is wider than a small phone."""
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 700})
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert size is not None
    page.set_viewport_size(size)
    return pixels


def test_signing_in_to_the_library_is_accessible(visitor: Visitor, server: Server) -> None:
    page = visitor.visit(server.url)
    visitor.failed_loads_expected = True
    page.goto(f"{server.url}/admin")
    page.locator("[data-ref=sign-in-form] button").wait_for()
    assert [findings(page, theme) for theme in THEMES] == [[], []]
