"""SIGKILL at any time: every acknowledged byte is there after the restart, and every upload ends.

`KILLS` is the number of kills of the server; 8 by default. The sidecar is killed alone a quarter as often, and five
times at least.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.core.ranges import Ranges, Span
from tests.support.api import Api, digest_field
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = int(os.environ.get("KILLS", "8"))
CLIENTS = 6
SEED = int(os.environ.get("SEED", "20261123"))
KIB = 1024
RETRY_SECONDS = 0.05
LOST = (aiohttp.ClientError, OSError, TimeoutError)
"""What a client sees instead of a response."""


class Sender:
    """A client that sends one file after the other and records what was acknowledged."""

    def __init__(self, number: int, server: Server, session: aiohttp.ClientSession) -> None:
        self.random = random.Random(SEED + number)
        self.number = number
        self.server = server
        self.api = Api(session, server.url, server.token)
        self.files = 0
        self.data = b""
        self.upload_id: str | None = None
        self.acknowledged = Ranges()
        self.recorded = Ranges()
        self.finished: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Send until stopped, then finish the current file."""
        while not (stop.is_set() and self.upload_id is None):
            try:
                await self._go_on()
            except LOST:
                await asyncio.sleep(RETRY_SECONDS)

    async def _ask_again(self) -> None:
        """Ask the server what it has: a slice without a 200 may be recorded too."""
        while self.upload_id is not None:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(*LOST):
                self.recorded = _ranges(await self.api.show(self.upload_id))
                return

    async def _go_on(self) -> None:
        if self.upload_id is None:
            self.data = make_mp3_of(self.random.choice([20, 300, 2000]) * KIB, seed=self.number * 1000 + self.files)
            self.acknowledged = self.recorded = Ranges()
            name = f"kill {self.number}-{self.files}.mp3"
            wish = {"filename": name, "length": len(self.data), "tags": self._tags()}
            created = await self.api.request("POST", "/api/v1/uploads", json=wish)
            self.files += 1
            if created.status == 503:
                await asyncio.sleep(0.1)
                return
            assert created.status == 201, created
            self.upload_id = created.body["id"]
        size = self.random.choice([17, 64, 256]) * KIB
        missing = [
            Span(start, min(start + size, gap.stop))
            for gap in self.recorded.missing(len(self.data))
            for start in range(gap.start, gap.stop, size)
        ]
        self.random.shuffle(missing)
        # Only once none of them is being sent can the server say what is recorded. Slices of another size would
        # otherwise overlap half of one that it records meanwhile, and be refused.
        if not all(await asyncio.gather(*(self._send(span) for span in missing[:3]))):
            await self._ask_again()
        if not missing:
            await self._see_the_end()

    def _tags(self) -> dict[str, str]:
        return {"title": f"File {self.files}"} if self.number % 2 else {}

    async def _send(self, span: Span) -> bool:
        """Send a slice; return whether it was acknowledged."""
        assert self.upload_id is not None
        piece = self.data[span.start : span.stop]
        try:
            if self.random.random() < 0.5:
                response = await self.api.post(self.upload_id, span.start, piece)
            else:
                digest = digest_field(piece)
                response = await self.api.put(self.upload_id, span.start, piece, **{"Content-Digest": digest})
        except LOST:
            return False
        # 503 while the server starts or stops, or when the sidecar died; 200 must survive every kill from here on.
        assert response.status in (200, 503), response
        if response.status == 200:
            self.acknowledged, self.recorded = self.acknowledged.add(span), self.recorded.add(span)
        return response.status == 200

    async def _see_the_end(self) -> None:
        assert self.upload_id is not None
        ended = await self.api.show(self.upload_id)
        if ended["state"] in ("received", "verified"):
            await asyncio.sleep(0.05)
            return
        assert ended["state"] == "spooled", ended
        file = (await self.api.get(ended["file"]["url"])).body
        assert file["sha256"] == hashlib.sha256(self.data).hexdigest()
        self.finished[file["stored_name"]] = file["spooled_sha256"]
        self.upload_id = None

    async def check(self) -> None:
        """Assert, after a restart, that acknowledged slices are recorded and on disk."""
        # Slices are still being sent, so compare with what was acknowledged before the request.
        upload_id, data, promised = self.upload_id, self.data, self.acknowledged
        if upload_id is None:
            return
        shown = await self.api.show(upload_id)
        recorded = _ranges(shown)
        for span in promised:
            assert recorded.covers(span), (span, shown)
        partial = self.server.partials / f"{upload_id}.partial"
        if shown["state"] == "receiving" and partial.exists():
            stored = partial.read_bytes()
            for span in recorded:
                assert stored[span.start : span.stop] == data[span.start : span.stop], span


def restart(server: Server) -> None:
    """Kill and restart the server."""
    server.restart()


def kill_sidecar(server: Server) -> None:
    """Kill the sidecar; the server restarts it."""
    os.kill(server.sidecar, signal.SIGKILL)


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize(("kill", "times"), [(restart, KILLS), (kill_sidecar, max(5, KILLS // 4))])
async def test_no_acknowledged_byte_is_lost_by_kills(data: Path, kill: Callable[[Server], None], times: int) -> None:
    source = random.Random(SEED)
    stop = asyncio.Event()
    timeout = aiohttp.ClientTimeout(total=20)
    with Server(data, workers=2, disk_reserve=0, verdict_wait_slice=0.05) as server:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            senders = [Sender(number, server, session) for number in range(CLIENTS)]
            tasks = [asyncio.create_task(sender.run(stop)) for sender in senders]
            for _ in range(times):
                await asyncio.sleep(source.uniform(0.01, 0.5))
                await asyncio.to_thread(kill, server)
                for sender in senders:
                    await sender.check()
                _fail_early(tasks)
            stop.set()
            await asyncio.gather(*tasks)
            unheard = await _created_unheard(senders[0].api)
    finished = {name: digest for sender in senders for name, digest in sender.finished.items()}
    assert len(finished) >= CLIENTS
    _check_spool(server, finished, unheard)


def _ranges(shown: dict[str, Any]) -> Ranges:
    return Ranges(Span(*pair) for pair in shown["received"])


def _fail_early(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _created_unheard(api: Api) -> set[str]:
    """Return uploads whose creation was not acknowledged before the kill; they stay until they expire."""
    waiting = await api.listed("state=receiving&limit=200")
    assert all(upload["received"] == [] for upload in waiting)
    return {upload["id"] for upload in waiting}


def _check_spool(server: Server, finished: dict[str, str], unheard: set[str]) -> None:
    """Assert that the spool has every finished file once, complete, and nothing else."""
    spooled = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in server.spool.iterdir()}
    assert spooled == finished
    assert {path.stem for path in server.partials.iterdir()} <= unheard
    assert not list((server.data / "spool" / ".incoming").iterdir())
