"""Two receivers of one data folder, and bodies whose blocks come when the test says so."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media_service.core.lifecycle import UploadRequest
from media_service.intake.receiving.slice_request import SliceRequest
from tests.intake.callers import ME, MINE
from tests.intake.rig import Rig
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.upload_states import State
    from media_service.intake.receiving.active_uploads import UploadView

MP3 = make_mp3(2, seed=91)
SIZE = len(MP3)
PIECE = 4096


class Body:
    """A body whose blocks come when the test says so."""

    def __init__(self) -> None:
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, *blocks: bytes) -> None:
        """Let blocks come."""
        for block in blocks:
            self._blocks.put_nowait(block)

    def end(self) -> None:
        """Let the body end."""
        self._blocks.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (block := await self._blocks.get()) is not None:
            yield block


def of(*blocks: bytes) -> Body:
    """Return a body of these blocks."""
    body = Body()
    body.send(*blocks)
    body.end()
    return body


@asynccontextmanager
async def two(folder: Path, *, is_deaf: bool) -> AsyncIterator[tuple[Rig, Rig]]:
    """Yield two rigs on one folder."""
    async with Rig(folder) as one, Rig(folder, beside=one, first_id=1000, is_deaf=is_deaf) as other:
        yield one, other


async def begin(rig: Rig, length: int | None = SIZE, dialect: str = "native") -> str:
    view, _ = await rig.intake.create(UploadRequest("show.mp3", length, origin=MINE), dialect)
    return view.upload.id


async def send(rig: Rig, upload_id: str, start: int, stop: int, content: bytes = MP3) -> State:
    piece = content[start:stop]
    request = SliceRequest(start, len(piece), hashlib.sha256(piece).digest(), "native")
    return (await rig.intake.receive(upload_id, ME, request, of(piece))).upload.state


async def begin_writing(rig: Rig, upload_id: str, body: Body, first: bytes) -> asyncio.Task[UploadView]:
    """Return the writer of the first 20 bytes, after it has written these."""
    request = SliceRequest(0, 20, None, "native")
    writing = asyncio.create_task(rig.intake.receive(upload_id, ME, request, body))
    body.send(first)
    await asyncio.sleep(0.05)
    return writing


async def settled() -> None:
    """Let hints arrive."""
    for _ in range(5):
        await asyncio.sleep(0)
