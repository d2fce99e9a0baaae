"""axe finds no serious problem in any state and theme, and every state fits on a small phone.

Each state is seen in one language and one theme, in turn; in all with `PRODUCTS=all`.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no stubs
from playwright.sync_api import Page

from tests.browser.conftest import Visitor
from tests.browser.late_scenes import Late
from tests.browser.library_scenes import Library
from tests.browser.panel_scenes import PanelScenes
from tests.browser.people_scenes import PeopleScenes
from tests.browser.plain_scenes import PLAIN_STATES, STATION, PlainPages
from tests.browser.proxy import SlowProxy
from tests.browser.scene import LANGUAGES, Scene
from tests.browser.scenes import Stage
from tests.support.server import Server

SERIOUS = {"serious", "critical"}

THEMES = ("light", "dark")
ALL = os.environ.get("PRODUCTS") == "all"

AXE = Axe()

SCENES: tuple[type[Scene], ...] = (Stage, Late, PeopleScenes, PanelScenes)
PLAYED = [*product(SCENES, LANGUAGES)] if ALL else [*zip(SCENES, cycle(LANGUAGES))]
"""Scenes with the languages in which they are seen."""


@dataclass
class Inspection:
    """What is wrong with a page in each state that it was seen in: what axe found, and how many pixels do not fit."""

    page: Page
    problems: dict[str, list[str]] = field(default_factory=dict)
    excess: dict[str, int] = field(default_factory=dict)
    turns: Iterator[str] = field(default_factory=lambda: cycle(THEMES))

    def look(self, state: str) -> None:
        """Note the problems of the page, which is in this state now."""
        for theme in THEMES if ALL else (next(self.turns),):
            self.problems[f"{state}, {theme}"] = axe_problems(self.page, theme)
        self.excess[state] = too_wide(self.page)

    def check(self, states: Iterable[str]) -> None:
        """Assert that the page was seen in these states, and that nothing was wrong."""
        assert set(self.excess) == set(states)
        assert {state: found for state, found in self.problems.items() if found} == {}
        assert {state: pixels for state, pixels in self.excess.items() if pixels} == {}


def axe_problems(page: Page, theme: str) -> list[str]:
    """Return the serious problems that axe finds in a theme, with the elements that have them."""
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


def too_wide(page: Page) -> int:
    """Return by how many pixels the page is wider than a small phone, or than the window."""
    size = page.viewport_size
    assert size is not None
    excess = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    in_window: int = page.evaluate(excess)
    page.set_viewport_size({"width": 320, "height": 700})
    on_phone: int = page.evaluate(excess)
    page.set_viewport_size(size)
    return max(in_window, on_phone)


@pytest.mark.parametrize("language", LANGUAGES if ALL else [*LANGUAGES][-1:])
def test_every_page_without_scripts_is_accessible(language: str, visitor: Visitor, tmp_path: Path) -> None:
    visitor.failed_loads_expected = True
    (tmp_path / "data").mkdir()
    with Server(tmp_path / "data", **STATION) as server:
        inspection = Inspection(visitor.visit(server.url, locale=LANGUAGES[language]))
        PlainPages(inspection.page, server, tmp_path, inspection.look).play()
        inspection.page.close()
    inspection.check(PLAIN_STATES)


@pytest.mark.parametrize(("scenes", "language"), PLAYED)
def test_every_state_is_accessible_in_both_themes(
    scenes: type[Scene], language: str, visitor: Visitor, tmp_path: Path
) -> None:
    visitor.failed_loads_expected = True
    with Server(tmp_path / "data", verdict_wait_slice=0, host=scenes.host) as server, SlowProxy(server.url) as line:
        inspection = Inspection(visitor.visit(line.url, locale=LANGUAGES[language]))
        scenes(inspection.page, server, line, tmp_path, language, inspection.look).play()
        inspection.page.close()
    inspection.check(scenes.states)


@pytest.mark.parametrize("language", LANGUAGES if ALL else [*LANGUAGES][-1:])
def test_every_state_of_the_library_is_accessible(language: str, visitor: Visitor, tmp_path: Path) -> None:
    visitor.failed_loads_expected = True
    with Server(tmp_path / "data", verdict_wait_slice=0) as server, SlowProxy(server.url) as line:
        sender = visitor.visit(line.url, locale=LANGUAGES[language])
        inspection = Inspection(visitor.tab(sender.context))
        Library(inspection.page, server, line, tmp_path, language, inspection.look, sender).play()
        inspection.page.close()
    inspection.check(Library.states)


def test_signing_in_to_the_library_is_accessible(visitor: Visitor, server: Server) -> None:
    page = visitor.visit(server.url)
    visitor.failed_loads_expected = True
    page.goto(f"{server.url}/admin")
    page.locator("[data-ref=sign-in-form] button").wait_for()
    assert [axe_problems(page, theme) for theme in THEMES] == [[], []]
