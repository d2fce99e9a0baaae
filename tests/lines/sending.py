"""Files through the page over an emulated link, and what the page shows meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.proxy import SlowProxy
from tests.browser.shown import seconds_left
from tests.support.link import SERVER_ADDRESS, Link, Shape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Page

    from tests.support.server import Server

LOOK_EVERY_SECONDS = 0.5
ROUNDING_SECONDS = 5.0
"""Rounding of the time left, which the page shows in steps of up to ten seconds."""

ASK_EVERY_SECONDS = 10.0
LOADED_WITHIN_SECONDS = 60.0
STORED = {"verifying", "tagging", "ready"}
ENDED = STORED | {"rejected", "refused", "gone"}

TIMED_REQUEST = """async () => {
    const began = performance.now();
    const response = await fetch('api/v1/limits', { cache: 'no-store' });
    return response.ok ? (performance.now() - began) / 1000 : null;
}"""
"""Send a small request beside the slices; resolves to its seconds."""

LOADED = """async () => {
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const names = () => performance.getEntriesByType('resource').map(({ name }) => name);
    const later = ['queue-heading.js', 'sent-uploads.js'];
    while (!later.every((module) => names().some((name) => name.endsWith(module)))) await pause(100);
    for (let before = 0; before < names().length;) [before] = [names().length, await pause(1000)];
}"""
"""Resolves when the page has no more requests: some modules are loaded after it is usable."""

SHOWN = """several => {
    const rows = [...document.querySelectorAll('.row')];
    const part = (name, within = document) => within.querySelector(`[data-ref=${name}]`);
    const bar = part('whole');
    const [left, percent] = several
        ? [part('sum').textContent, bar.hidden ? '' : bar.getAttribute('aria-valuenow')]
        : [part('pace', rows[0]).textContent, part('percent', rows[0]).textContent];
    return { states: rows.map((row) => row.dataset.state), left, percent };
}"""
"""Returns what the row of the only file shows, or the heading above several."""


@dataclass(frozen=True, slots=True)
class Line:
    """A link to try: its shape, seconds between drops of every connection, bytes of all files, and their number.

    `sent`: maximum of bytes sent divided by bytes of the files. `error`: maximum relative error of the time left after
    `settles` seconds.
    """

    name: str
    shape: Shape
    size: int
    files: int = 1
    drop_every: float | None = None
    sent: float = 1.1
    error: float = 0.25
    settles: float = 0.0

    @property
    def bound(self) -> float:
        """Return the seconds that the files' bytes alone take."""
        assert self.shape.rate is not None
        return self.size * 8 / self.shape.rate


@dataclass(slots=True)
class Outcome:
    """Measurements of one line. `states` are those of all files.

    `shown` has the time left as (seconds since the start, seconds left); `percents` each percentage in order; `small`
    the seconds of small requests; `slices` the number of recorded slices when the time left was first shown.
    """

    line: Line
    seconds: float = 0.0
    sent: int = 0
    states: set[str] = field(default_factory=set)
    slices: int | None = None
    shown: list[tuple[float, float]] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)
    small: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Return the bytes sent divided by those of the files."""
        return self.sent / self.line.size

    @property
    def error(self) -> float:
        """Return the largest relative error of the time left, beyond rounding, while more than this is left."""
        settled = [(at, told) for at, told in self.shown if at >= self.line.settles]
        left = [(told, self.seconds - at) for at, told in settled if self.seconds - at > 2 * ROUNDING_SECONDS]
        return max((max(0.0, abs(told - true) - ROUNDING_SECONDS) / true for told, true in left), default=0.0)

    def __str__(self) -> str:
        return (
            f"| {self.line.name} | {self.line.size} | {self.sent} ({self.ratio:.2f}) | {self.seconds:.0f} s "
            f"| {self.line.bound:.0f} s | {self.error:.0%} |"
        )


async def send_over(line: Line, server: Server, files: list[Path], folder: Path, seed: int = 0) -> Outcome:
    """Open the page at full speed, shape the link, choose the files and watch until every byte has arrived."""
    async with AsyncExitStack() as stack:
        link = stack.enter_context(Link(seed))
        proxy = stack.enter_context(SlowProxy(server.url, listener=link.listener))
        page = await stack.enter_async_context(_page_behind(link, folder))
        await page.goto(f"http://localhost:{link.port}")
        await page.locator("html.ready").wait_for()
        await asyncio.wait_for(page.evaluate(LOADED), LOADED_WITHIN_SECONDS)
        link.shape(line.shape)
        before, began = proxy.sent, time.monotonic()
        await page.set_input_files("[data-ref=picker]", files)
        outcome = Outcome(line)
        beside = [asyncio.create_task(_ask(page, outcome))]
        if line.drop_every is not None:
            beside.append(asyncio.create_task(_drop(proxy, line.drop_every)))
        await _watch(page, outcome, began)
        outcome.sent = proxy.sent - before
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return outcome


async def _drop(proxy: SlowProxy, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        proxy.drop()


async def _ask(page: Page, outcome: Outcome) -> None:
    while True:
        await asyncio.sleep(ASK_EVERY_SECONDS)
        with suppress(PlaywrightError):
            outcome.small.append(await page.evaluate(TIMED_REQUEST))


async def _watch(page: Page, outcome: Outcome, began: float) -> None:
    """Record what the page shows until every upload has ended, or has taken four times as long as it should."""
    await page.locator(".row").nth(outcome.line.files - 1).wait_for(state="attached")
    slices = 0
    last = None
    while (now := time.monotonic() - began) < outcome.line.bound * 4 + 60:
        seen = await page.evaluate(SHOWN, outcome.line.files > 1)
        outcome.states, outcome.seconds = set(seen["states"]), now
        if outcome.states <= ENDED:
            return
        if seen["percent"]:
            outcome.percents.append(int(seen["percent"].rstrip("%")))
        slices, last = slices + (seen["percent"] != last and bool(last)), seen["percent"]
        left = seconds_left(seen["left"])
        if left is not None:
            outcome.slices = slices if outcome.slices is None else outcome.slices
            outcome.shown.append((now, left))
        await asyncio.sleep(LOOK_EVERY_SECONDS)


@asynccontextmanager
async def _page_behind(link: Link, folder: Path) -> AsyncIterator[Page]:
    """Yield a page of a Chromium at the browser's end of the link."""
    chromium = next(filter(None, map(shutil.which, NAMES)))
    program = link.write_program(chromium, folder)
    rules = f"--host-resolver-rules=MAP localhost {SERVER_ADDRESS}"
    arguments = [argument for argument in ARGUMENTS if "host-resolver-rules" not in argument]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(program), args=[*arguments, rules])
        try:
            yield await browser.new_page(locale="en-US")
        finally:
            await browser.close()
