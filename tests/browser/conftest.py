"""Fixtures: the system's Chromium against the real server."""

import itertools
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.page_objects import WAIT_SECONDS
from tests.browser.proxy import SlowProxy
from tests.support.mp3 import make_mp3
from tests.support.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP radio.test 127.0.0.1",
    "--autoplay-policy=no-user-gesture-required",
]
SEEDS = itertools.count(1000)
FAILED_LOAD = "Failed to load resource"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Yield one browser for this folder: if playwright ran longer, its event loop would disturb the asyncio tests."""
    with chromium() as running:
        yield running


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium. Without one the test is skipped; in CI it fails."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = f"the browser tests need Chromium: none of {', '.join(NAMES)} is on the PATH"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that the tests share, because a start takes seconds; `server` cleans it up."""
    data = tmp_path_factory.mktemp("browser") / "data"
    data.mkdir()
    with Server(data, workers=2) as running:
        yield running


def as_admin(server: Server, path: str, method: str = "GET", **body: str) -> Any:
    """Return the API's response to the admin."""
    headers = {"Authorization": f"Bearer {server.token}"} | ({"Content-Type": "application/json"} if body else {})
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{server.url}/api/v1/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response) if response.status == 200 else None


@pytest.fixture
def server(lasting_server: Server) -> Server:
    """Return a server without unfinished uploads and with an empty spool."""
    for upload in as_admin(lasting_server, "uploads?scope=all&state=receiving&limit=100")["uploads"]:
        # It may have become complete meanwhile, and then ends by itself.
        with suppress(urllib.error.HTTPError):
            as_admin(lasting_server, f"uploads/{upload['id']}", "DELETE")
    for path in lasting_server.spool.glob("*.mp3"):
        path.unlink()
    return lasting_server


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """Yield a server without files."""
    data = tmp_path / "data"
    data.mkdir()
    with Server(data, workers=2) as running:
        yield running


@pytest.fixture
def line(server: Server) -> Iterator[SlowProxy]:
    """Yield a proxy to the server, so slow that a test can act in the middle of an upload."""
    with SlowProxy(server.url, rate=3_000_000) as proxy:
        yield proxy


@dataclass
class Visitor:
    """Open pages in contexts of their own, and record their errors."""

    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    failed_loads_expected: bool = False

    def visit(self, url: str, *, questions: bool = False, **options: Any) -> Page:
        """Open a page. Dialogs are accepted, unless the test handles them itself (`questions`)."""
        options.setdefault("locale", "en-US")
        # Without a GPU, drawing what pulses or moves takes a quarter of a test's processor time.
        options.setdefault("reduced_motion", "reduce")
        context = self.browser.new_context(**options)
        context.set_default_timeout(WAIT_SECONDS * 1000)
        self.contexts.append(context)
        page = self.tab(context, questions=questions)
        page.goto(url)
        if options.get("java_script_enabled", True):
            # The texts are loaded after the load event; before that the buttons have no listeners.
            page.locator("html.ready").wait_for()
        return page

    def tab(self, context: BrowserContext, *, questions: bool = False) -> Page:
        page = context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.method, request.url))
        # Playwright intercepts file choosers only while something listens, and a key that is pressed right after that
        # begins may reach a busy page before the interception does: the chooser would open unseen.
        page.on("filechooser", lambda _chooser: None)
        if not questions:
            page.on("dialog", lambda dialog: dialog.accept())
        return page

    def _asked(self, method: str, url: str) -> None:
        if method == "POST" and url.endswith("/slices"):
            self.posted.append(url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self.failed_loads_expected and message.text.startswith(FAILED_LOAD):
            return
        self.complaints.append(message.text)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """Yield a visitor; fail if a page had an error or violated the CSP."""
    visiting = Visitor(browser)
    yield visiting
    for context in visiting.contexts:
        context.close()
    assert visiting.complaints == []


@pytest.fixture
def mp3(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes MP3 files, each different unless `seed` is given."""

    def make(name: str, seconds: float = 10, seed: int | None = None, folder: str = "local", **tags: str) -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(make_mp3(seconds, tags or None, seed=next(SEEDS) if seed is None else seed))
        return path

    return make


@pytest.fixture
def api(server: Server) -> Callable[[str], Any]:
    """Return a function that requests all uploads: `api("uploads?state=receiving")`."""

    def ask(path: str) -> Any:
        route, _, query = path.partition("?")
        return as_admin(server, f"{route}?scope=all&{query}" if route == "uploads" else path)

    return ask
