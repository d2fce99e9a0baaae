"""Measure scrolling in the library: from the first scroll to the 2,000th row of 10,000 files, in headless Chromium.

`python -m bench.scrolling [rounds [files]]`: 5, 10000. The page is scrolled to its end in each frame, faster than
anybody scrolls, so what is measured is how fast rows come. Server and browser share the machine's cores: the processor
seconds of each say more than the time.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from typing import TYPE_CHECKING

from bench.library_server import library_server
from bench.processes import cpu_seconds
from bench.workspace import workspace
from tests.browser.devtools import Tab

if TYPE_CHECKING:
    from tests.support.server import Server

ROWS = 2000
REST = 3.0
"""Seconds until an opened page and a started server have settled."""

SCROLL = """new Promise((resolve) => {
    const began = performance.now();
    let longest = 0;
    let before = began;
    (function frame(now) {
        longest = Math.max(longest, now - before);
        before = now;
        if (document.querySelectorAll('[data-ref=table] tbody tr').length >= %d) resolve([now - began, longest]);
        else {
            scrollTo(0, document.documentElement.scrollHeight);
            requestAnimationFrame(frame);
        }
    })(began);
})"""
"""Milliseconds until the row is there, and between two frames at most."""


async def main(rounds: int, files: int) -> None:
    """Print a line for each round, and the medians."""
    with (
        workspace("tmpfs") as folder,
        library_server(folder / "data", files, disk_reserve=0, log=folder / "server.log") as server,
    ):
        measured = [await measure(server) for _ in range(rounds)]
    names = "row", "longest frame", "processor time of the browser", "of the server"
    medians = [
        f"{name} {statistics.median(values):.2f} s"
        for name, values in zip(names, zip(*measured, strict=True), strict=True)
    ]
    print(f"medians of {rounds}: {', '.join(medians)}; load average {os.getloadavg()[0]:.1f}")


async def measure(server: Server) -> tuple[float, float, float, float]:
    """Return seconds until the row is there and of the longest frame, and what both cost browser and server."""
    async with Tab() as tab:
        await tab.open(f"{server.url}/admin#token={server.token}", "html.ready")
        await tab.value("location.hash = '#files'")
        await tab.until("document.querySelectorAll('[data-ref=table] tbody tr').length", 100)
        await asyncio.sleep(REST)
        before = cpu_seconds(tab.pid), cpu_seconds(server.pid)
        row, frame = await tab.value(SCROLL % ROWS)
        browser, service = cpu_seconds(tab.pid) - before[0], cpu_seconds(server.pid) - before[1]
    print(
        f"row {row / 1000:.2f} s, longest frame {frame:.0f} ms, browser {browser:.2f} s, server {service:.2f} s",
        flush=True,
    )
    return row / 1000, frame / 1000, browser, service


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    asyncio.run(main(int(given.get(0, 5)), int(given.get(1, 10_000))))
