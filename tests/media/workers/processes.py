"""Processes of tag workers, and whether the next request works."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.mp3 import make_frames, make_mp3

if TYPE_CHECKING:
    from media_service.media.workers.pool import TagWorker

AUDIO = make_frames(40)
MIB = 1024 * 1024


def children() -> list[int]:
    """Return the process ids of the running tag workers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if (
                int(parent) == os.getpid()
                and state != "Z"
                and b"workers.tag_worker" in (stat.parent / "cmdline").read_bytes()
            ):
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


async def child() -> int:
    """Return the process id of the only worker, once it runs."""
    async with asyncio.timeout(10):
        while len(found := children()) != 1:
            await asyncio.sleep(0.01)
    return found[0]


async def next_question_works(worker: TagWorker, path: Path) -> None:
    """Assert that the worker tags a file."""
    path.write_bytes(make_mp3(1, {"title": "밤"}))
    answer, _ = await worker.call("plan", path, tags={})
    assert answer["carried"]["tags"] == {"title": "밤"}


async def ask_what_blocks(worker: TagWorker, path: Path) -> asyncio.Task[tuple[dict[str, Any], bytes]]:
    """Return a running request to a worker that was stopped."""
    await worker.call("measure", path)
    os.kill(await child(), signal.SIGSTOP)
    asking = asyncio.create_task(worker.call("measure", path))
    await asyncio.sleep(0.2)
    return asking


def processor_seconds(pid: int) -> float:
    """Return the processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
