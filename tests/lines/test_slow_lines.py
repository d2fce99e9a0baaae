"""The page on lines of 32 to 300 kbit/s: every file arrives by itself, and the time left is right."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.browser.conftest import NAMES
from tests.conftest import missing
from tests.lines.sending import STORED, Line, Outcome, send_over
from tests.support.link import Shape, missing_for_link
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    Line("32 kbit/s", Shape(32_000), 260_000),
    Line("64 kbit/s", Shape(64_000), 500_000),
    Line("128 kbit/s", Shape(128_000), 1_000_000),
    Line("128 kbit/s, eight files", Shape(128_000), 1_000_000, files=8),
    Line("64 kbit/s, a drop each 60 s", Shape(64_000), 700_000, drop_every=60, sent=1.2),
    Line("300 kbit/s, 800 ms", Shape(300_000, delay=0.4), 2_500_000),
    Line("300 kbit/s, 800 ms, 1 % loss", Shape(300_000, delay=0.4, loss=0.01), 2_500_000, error=0.3, settles=40),
]
"""Packet loss may slow down the first three slices; later ones correct the time left."""

SMALL_REQUEST_SECONDS = 15.0
"""A slice of 32 KiB alone takes eight seconds at 32 kbit/s, and fills the modem's queue."""


async def test_a_file_arrives_over_every_slow_line_and_its_time_left_is_right(tmp_path: Path) -> None:
    """Each line has its own browser. They mostly wait, so they run concurrently."""
    if lack := missing_for_link():
        missing(lack)
    if not any(map(shutil.which, NAMES)):
        missing("Chromium")
    with Server(tmp_path / "data") as server:
        outcomes = await asyncio.gather(*(_send(line, server, tmp_path, seed) for seed, line in enumerate(LINES)))
    print("", *outcomes, sep="\n")
    assert [fault for outcome in outcomes for fault in faults(outcome)] == []


async def _send(line: Line, server: Server, folder: Path, seed: int) -> Outcome:
    files = [folder / f"line {seed} file {number}.mp3" for number in range(line.files)]
    for number, file in enumerate(files):
        file.write_bytes(make_mp3_of(line.size // line.files, seed=7000 + 100 * number + seed))
    sent = replace(line, size=sum(file.stat().st_size for file in files))
    return await send_over(sent, server, files, folder, seed)


def faults(outcome: Outcome) -> list[str]:
    """Return what is wrong with the way of the files, in words."""
    line = outcome.line
    checks = {
        f"ended as {outcome.states} after {outcome.seconds:.0f} s": outcome.states <= STORED,
        f"sent {outcome.ratio:.2f} times its bytes": outcome.ratio <= line.sent,
        f"percentages ran backwards: {outcome.percents}": outcome.percents == sorted(outcome.percents),
        f"no time left before slice {outcome.slices}": outcome.slices is not None and outcome.slices <= 3,
        f"the time left was wrong by {outcome.error:.0%}": outcome.error <= line.error,
        f"small requests took {outcome.small}": max(outcome.small, default=0.0) <= SMALL_REQUEST_SECONDS,
    }
    return [f"{line.name}: {fault}" for fault, holds in checks.items() if not holds]
