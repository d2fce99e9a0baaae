"""Files that take some seconds on the slow line, and what became of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.browser.page_objects import pick, until
from tests.support.server import Server

Make = Callable[..., Path]
Ask = Callable[[str], Any]

LONG = 900
"""Seconds of a file that takes about five seconds on the slow line."""

OVERHEAD = 200_000
"""Allowance in bytes for headers, polls and the page; less than the smallest slice."""


def recorded(api: Ask) -> int:
    """Return the recorded bytes of all unfinished uploads."""
    uploads = api("uploads?state=receiving")["uploads"]
    return sum(stop - start for upload in uploads for start, stop in upload["received"])


def spooled(server: Server) -> list[Path]:
    """Return the files in the spool, by name."""
    return sorted((server.data / "spool" / "mp3").iterdir())


def to_the_middle(page: Page, api: Ask, file: Path) -> int:
    """Send the file; return the recorded bytes once there are two million."""
    pick(page, file)
    until(lambda: recorded(api) >= 2_000_000, page)
    return recorded(api)
