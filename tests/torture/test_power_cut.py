"""A simulated power cut on a loop device: bytes acknowledged before it are there after it.

`FS_IOC_SHUTDOWN` stops an ext4 without writing its journal, as a power cut does. It needs root and a loop device.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import struct
import subprocess
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest

from media_service.core.ranges import Ranges, Span
from tests.conftest import missing
from tests.support.api import MIB, Api
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FS_IOC_SHUTDOWN = 0x8004587D
WITHOUT_JOURNAL = 2
CUTS = int(os.environ.get("CUTS", "3"))
SLICE = 64 * 1024


class Disk:
    """An ext4 file system in a file, mounted at `folder`."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "mounted"
        self._image = tmp_path / "image"
        self.folder.mkdir()
        with self._image.open("wb") as image:
            image.truncate(256 * MIB)
        _run("mkfs.ext4", "-q", str(self._image))
        self.plug_in()

    def plug_in(self) -> None:
        """Mount it; this replays the journal."""
        _run("mount", "-o", "loop", str(self._image), str(self.folder))

    def cut(self) -> None:
        """Cut the power: nothing is written from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
        finally:
            os.close(descriptor)

    def unplug(self) -> None:
        """Unmount it, after the killed server's sidecar has exited."""
        deadline = time.monotonic() + 10
        while subprocess.run(("umount", str(self.folder)), capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, f"somebody still works in {self.folder}"
            time.sleep(0.02)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Yield a disk whose power can be cut."""
    try:
        disk = Disk(tmp_path)
    except (OSError, subprocess.CalledProcessError):
        missing("root and a loop device: no power cut can be played here")
    yield disk
    disk.unplug()


@pytest.mark.parametrize("cut", range(CUTS))
async def test_acknowledged_slices_survive_a_power_cut(disk: Disk, cut: int) -> None:
    data = make_mp3_of(4 * MIB, seed=cut)
    server = Server(disk.folder / "data", disk_reserve=0).start()
    acknowledged = Ranges()
    async with aiohttp.ClientSession() as session:
        api = Api(session, server.url, server.token)
        upload = await api.create("cut.mp3", len(data))
        starts = list(range(0, len(data), SLICE))
        random.Random(cut).shuffle(starts)

        async def sender() -> None:
            nonlocal acknowledged
            while starts and not powerless:
                start = starts.pop()
                piece = data[start : start + SLICE]
                response = await api.post(upload["id"], start, piece)
                # A response during the cut proves nothing.
                if response.status == 200 and not powerless:
                    acknowledged = acknowledged.add(Span(start, start + len(piece)))

        powerless = False
        senders = [asyncio.create_task(sender()) for _ in range(4)]
        while acknowledged.size < (cut + 1) * MIB // 2:
            await asyncio.sleep(0.002)
        powerless = True
        disk.cut()
        server.kill()
        await asyncio.gather(*senders, return_exceptions=True)
        disk.unplug()
        disk.plug_in()
        with server.start():
            shown = await api.show(upload["id"])
            recorded = Ranges(Span(*pair) for pair in shown["received"])
            stored = (server.partials / f"{upload['id']}.partial").read_bytes()
            for span in acknowledged:
                assert recorded.covers(span)
            for span in recorded:
                assert stored[span.start : span.stop] == data[span.start : span.stop]
            for span in recorded.missing(len(data)):
                assert (await api.put(upload["id"], span.start, data[span.start : span.stop])).status == 200
            assert (await api.ended(upload["id"]))["state"] == "spooled"
            assert (server.spool / "cut.mp3").read_bytes().endswith(data)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
