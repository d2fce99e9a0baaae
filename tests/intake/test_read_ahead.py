"""The follower of uploads that arrive: when it looks again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from media_service.intake.finalizing import read_ahead
from media_service.intake.finalizing.read_ahead import ReadAheadFollower
from media_service.intake.topics import RECORDED
from tests.intake.receivers import PIECE, begin, send
from tests.intake.rig import Rig

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from media_service.core.files import Source


class SlowCopies:
    """A store whose copies take a hundred seconds of `now`."""

    def __init__(self, store: Any) -> None:
        self.now = 0.0
        self.copied = asyncio.Event()
        self._store = store

    async def fetch(self, *given: Any, **named: Any) -> Source:
        self.now += 100
        self.copied.set()
        source: Source = await self._store.fetch(*given, **named)
        return source


async def test_slow_copy_is_not_followed_by_a_longer_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Rig(tmp_path) as rig:
        upload_id = await begin(rig)
        await send(rig, upload_id, 0, PIECE)
        store = SlowCopies(rig.store)
        monkeypatch.setattr(read_ahead, "time", SimpleNamespace(monotonic=lambda: store.now))
        follower = ReadAheadFollower(rig.database, store, rig.inspector, rig.bus)  # type: ignore[arg-type]  # the follower uses what SlowCopies has
        following = asyncio.create_task(follower.run())
        try:
            for _ in range(2):
                store.copied.clear()
                rig.bus.publish(RECORDED, upload_id, 0, PIECE)
                async with asyncio.timeout(30):
                    await store.copied.wait()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
