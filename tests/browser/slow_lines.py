"""One upload through the page over an emulated link, and what its sender sees meanwhile."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.browser.proxy import SlowProxy
from tests.support.link import SERVER_ADDRESS, Link, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.support.server import Server

LOOK_EVERY_SECONDS = 0.5
UNITS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Line:
    """A link to try: its shape, seconds between drops of every connection, and bytes of the file."""

    name: str
    shape: Shape
    size: int
    drop_every: float | None = None

    @property
    def bound(self) -> float:
        """Return the seconds that the file's bytes alone take."""
        assert self.shape.rate is not None
        return self.size * 8 / self.shape.rate


@dataclass(slots=True)
class Outcome:
    """What became of one upload. `shown` has (seconds since the start, seconds left as shown)."""

    line: Line
    seconds: float
    sent: int
    state: str
    recorded_at: list[tuple[float, int]] = field(default_factory=list)
    shown: list[tuple[float, float]] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)

    def errors(self, after: float = 0.0) -> list[float]:
        """Return the relative error of each time left that was shown, without the last seconds."""
        end = self.seconds
        return [(left - (end - at)) / (end - at) for at, left in self.shown if at >= after and end - at > 8]


def seconds_left(text: str) -> float | None:
    """Return the seconds that a text such as "1 min 20 s left" promises; None if it promises nothing."""
    if "left" not in text:
        return None
    found = re.findall(r"(\d+)\s*(s|min|h)\b", text)
    return float(sum(int(count) * UNITS[unit] for count, unit in found)) if found else None


async def send_over(line: Line, server: Server, file: Path, folder: Path, seed: int = 0) -> Outcome:
    """Open the page at full speed, shape the link, choose the file and watch until the upload has ended."""
    async with AsyncExitStack() as stack:
        link = stack.enter_context(Link(seed))
        proxy = stack.enter_context(SlowProxy(server.url, listener=link.listener))
        page = await stack.enter_async_context(_page(link, folder))
        await page.goto(f"http://localhost:{link.port}")
        await page.locator("html.ready").wait_for()
        await asyncio.sleep(1)
        link.shape(line.shape)
        before, began = proxy.sent, time.monotonic()
        await page.set_input_files("[data-ref=picker]", str(file))
        outcome = Outcome(line, 0.0, 0, "")
        dropper = asyncio.create_task(_drop(proxy, line.drop_every)) if line.drop_every else None
        await _watch(page, outcome, began)
        if dropper:
            dropper.cancel()
        outcome.sent = proxy.sent - before
        return outcome


async def _drop(proxy: SlowProxy, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        proxy.drop()


async def _watch(page: Page, outcome: Outcome, began: float) -> None:
    row = page.locator(".row").first
    await row.wait_for()
    while True:
        now = time.monotonic() - began
        seen = await row.evaluate(
            """row => ({state: row.dataset.state, pace: row.querySelector('[data-ref=pace]').textContent,
            percent: row.querySelector('[data-ref=percent]').textContent})"""
        )
        outcome.state, outcome.seconds = seen["state"], now
        if seen["percent"]:
            outcome.percents.append(int(seen["percent"].rstrip("%")))
        left = seconds_left(seen["pace"])
        if left is not None:
            outcome.shown.append((now, left))
        if outcome.state in ("ready", "rejected", "refused", "gone", "verifying", "tagging"):
            return
        if now > outcome.line.bound * 4 + 60:
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)


class _page:
    """A tab of a Chromium that runs at the browser's end of the link."""

    def __init__(self, link: Link, folder: Path) -> None:
        self._link, self._folder = link, folder

    async def __aenter__(self) -> Page:
        chromium = next(filter(None, map(shutil.which, NAMES)))
        wrapper = self._folder / f"chromium-{self._link.port}"
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(self._link.command(chromium))} "$@"\n')
        wrapper.chmod(0o755)
        self._playwright = await async_playwright().start()
        rules = f"--host-resolver-rules=MAP localhost {SERVER_ADDRESS}"
        arguments = [argument for argument in ARGUMENTS if "host-resolver-rules" not in argument]
        self._browser = await self._playwright.chromium.launch(
            executable_path=str(wrapper), args=[*arguments, rules], proxy=None
        )
        page = await self._browser.new_page(locale="en-US")
        page.on("console", lambda message: print("console", message.text))
        return page

    async def __aexit__(self, *_: object) -> None:
        await self._browser.close()
        await self._playwright.stop()
