"""What the page itself can do: one file from a picker to the server's last acknowledgement, in headless Chromium.

`python -m bench.page [MiB]`, 1024 by default, on tmpfs. The peak is the page's renderer process with its Worker; the
browser's own processes are not in it. Server and browser share the machine's cores.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress

from playwright.sync_api import Page, sync_playwright

from bench.payload import make_payload
from bench.places import workplace
from bench.processes import PROC, tree
from tests.browser.conftest import ARGUMENTS, NAMES
from tests.support.server import Server

MIB = 1024 * 1024
LANDED = ", ".join(f".row[data-state={state}]" for state in ("verifying", "tagging", "ready"))
PAST_ALL_HOPE = 600_000
"""Milliseconds."""


def main(size: int) -> None:
    """Sends a file of `size` bytes and prints one line."""
    browser = next(filter(None, map(shutil.which, NAMES)))
    with (
        workplace("tmpfs") as folder,
        Server(folder / "data", disk_reserve=0) as server,
        sync_playwright() as playwright,
    ):
        file = folder / "show.mp3"
        make_payload(file, size)
        chromium = playwright.chromium.launch(executable_path=browser, args=ARGUMENTS)
        page = chromium.new_page()
        page.goto(server.url)
        page.locator("html.ready").wait_for()
        seconds = send(page, str(file))
        print(
            f"{size / MIB:.0f} MiB: {size / seconds / 1e6:.0f} MB/s with digests, "
            f"renderer's peak {renderer_peak(os.getpid()) / MIB:.0f} MiB, load average {os.getloadavg()[0]:.1f}"
        )
        chromium.close()


def send(page: Page, path: str) -> float:
    """Seconds from the choice of the file to the last acknowledgement."""
    page.set_input_files("[data-ref=picker]", path)
    began = time.monotonic()
    page.locator(LANDED).wait_for(timeout=PAST_ALL_HOPE)
    return time.monotonic() - began


def renderer_peak(root: int) -> int:
    """Bytes that the largest renderer below `root` held in memory at most."""
    peak = 0
    for pid in tree(root):
        with suppress(OSError):
            if b"--type=renderer" in (PROC / str(pid) / "cmdline").read_bytes():
                status = (PROC / str(pid) / "status").read_text()
                peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
    return peak


if __name__ == "__main__":
    main(int(sys.argv[1] if len(sys.argv) > 1 else 1024) * MIB)
