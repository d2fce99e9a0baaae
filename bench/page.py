"""Measure the page itself: one file from a picker to the server's last acknowledgement, in headless Chromium.

`python -m bench.page [MiB [rounds [place]]]`: 1024, 1, tmpfs. Server and browser share the machine's cores, so the CPU
seconds of each say more than MB/s. Memory is that of the renderer, the process of the page and its Worker: *private*
is what no other process uses, *PSS* adds its share of the pages that Chromium's processes have in common.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.payload import make_payload
from bench.processes import PROC, cpu_seconds, tree
from bench.workspace import workspace
from tests.browser.devtools import Tab
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

MIB, GIB = 1024**2, 1024**3
STATE = "document.querySelector('.row')?.dataset.state"
BEFORE_THE_LAST_BYTE = (None, "queued", "preparing", "sending")
RECEIVED = ("verifying", "tagging", "ready")
REST, LOOK_EVERY = 2.0, 0.25
"""Seconds: until an opened page has settled, and between two looks at its state and memory."""


@dataclass(frozen=True)
class Memory:
    """Bytes of one process."""

    private: int
    pss: int

    def or_more(self, other: Memory) -> Memory:
        """Return the larger value of each."""
        return Memory(max(self.private, other.private), max(self.pss, other.pss))


async def main(size: int, rounds: int, place: str) -> None:
    """Send a file of `size` bytes and print a line, `rounds` times.

    What arrived is deleted before the next round: memory that a virtual machine touches for the first time costs the
    server two CPU seconds a GiB more than memory that was used before.
    """
    with workspace(place) as folder:
        file = folder / "show.mp3"
        make_payload(file, size)
        for number in range(rounds):
            data = folder / f"data-{number}"
            with Server(data, disk_reserve=0, log=folder / "server.log") as server:
                async with Tab() as tab:
                    print(await measure(tab, server, file), flush=True)
            shutil.rmtree(data)


async def measure(tab: Tab, server: Server, file: Path) -> str:
    """Return a line: seconds from the choice of the file to the last acknowledgement, and what they cost."""
    await tab.open(server.url, "html.ready")
    await asyncio.sleep(REST)
    idle = peak = {pid: memory(pid) for pid in renderers(tab.pid)}
    before = cpu_seconds(tab.pid), cpu_seconds(server.pid)
    began = time.monotonic()
    await tab.choose("[data-ref=picker]", file)
    while (state := await tab.value(STATE)) in BEFORE_THE_LAST_BYTE:
        peak = {pid: most.or_more(memory(pid)) for pid, most in peak.items()}
        await asyncio.sleep(LOOK_EVERY)
    seconds = time.monotonic() - began
    assert state in RECEIVED, state
    browser, service = cpu_seconds(tab.pid) - before[0], cpu_seconds(server.pid) - before[1]
    size = file.stat().st_size
    page = max(idle, key=cpu_seconds)
    return (
        f"{size / MIB:.0f} MiB: {size / seconds / 1e6:.0f} MB/s with digests; "
        f"CPU s/GiB: browser {browser * GIB / size:.1f}, server {service * GIB / size:.1f}; "
        f"page's memory: private {peak[page].private / MIB:.0f} MiB (idle {idle[page].private / MIB:.0f}), "
        f"PSS {peak[page].pss / MIB:.0f} MiB (idle {idle[page].pss / MIB:.0f}); load average {os.getloadavg()[0]:.1f}"
    )


def renderers(browser: int) -> list[int]:
    """Return the processes that render: that of the page, which will work most, and those that Chromium keeps spare."""
    found = []
    for pid in tree(browser):
        with suppress(OSError):
            if b"--type=renderer" in (PROC / str(pid) / "cmdline").read_bytes():
                found.append(pid)
    return found


def memory(pid: int) -> Memory:
    """Return the memory of a process, as the kernel sums it up (`smaps_rollup` in proc(5))."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Memory((kib["Private_Clean"] + kib["Private_Dirty"]) * 1024, kib["Pss"] * 1024)


if __name__ == "__main__":
    given = dict(enumerate(sys.argv[1:]))
    asyncio.run(main(int(given.get(0, 1024)) * MIB, int(given.get(1, 1)), given.get(2, "tmpfs")))
