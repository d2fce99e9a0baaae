"""Measuring loudness of finished files: each once, in idle time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.files import LoudnessReport
from media_service.intake.finalizing import loudness
from media_service.intake.finalizing.loudness import LoudnessQueue
from tests.intake.fake_analyzer import FakeAnalyzer
from tests.intake.finishing import finish_all, receive
from tests.intake.rig import Rig
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from pathlib import Path


def loudness_queue(rig: Rig, analyzer: Any, queue: Any = None) -> LoudnessQueue:
    """Return a queue to measure with; the finalize queue is idle although the rig runs no workers."""
    queue = queue or SimpleNamespace(idle=True)
    return LoudnessQueue(
        rig.database,
        rig.spool,
        analyzer,
        queue=queue,
        clock=lambda: rig.time,
        delivered=rig.finalizer.delivered,
    )


async def test_every_file_is_heard_once_also_after_a_restart(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer()
    async with Rig(tmp_path / "data") as rig:
        for number in range(3):
            await receive(rig, make_mp3(1, seed=number), f"{number}.mp3")
        await finish_all(rig)
        assert await loudness_queue(rig, analyzer).measure_next()
    async with Rig(tmp_path / "data", first_id=100) as rig:
        while await loudness_queue(rig, analyzer).measure_next():
            pass
        assert sorted(name for name, _ in analyzer.files) == ["0.mp3", "1.mp3", "2.mp3"]
        files, _ = await rig.database.list_files("", "title", None, 10)
        assert [await rig.database.loudness(file.id) for file in files] == [
            LoudnessReport(integrated=-23.0, peaks=(1, 2, 3))
        ] * 3


async def test_a_file_that_was_taken_away_is_not_asked_for_again(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, make_mp3(1))
        await finish_all(rig)
        rig.spool.path("show.mp3").unlink()
        assert await loudness_queue(rig, FakeAnalyzer()).measure_next()
        assert not await loudness_queue(rig, FakeAnalyzer()).measure_next()


async def test_what_is_delivered_meanwhile_is_heard(tmp_path: Path) -> None:
    analyzer = FakeAnalyzer()
    async with Rig(tmp_path / "data") as rig:
        running = asyncio.create_task(loudness_queue(rig, analyzer).run())
        await asyncio.sleep(0.05)
        await receive(rig, make_mp3(1))
        await finish_all(rig)
        async with asyncio.timeout(20):
            while not analyzer.files:
                await asyncio.sleep(0.02)
        running.cancel()


@pytest.fixture
def _frequent_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loudness, "RECHECK_SECONDS", 0.01)


@pytest.mark.usefixtures("_frequent_checks")
async def test_nothing_is_measured_while_an_upload_waits_for_finalizing(tmp_path: Path) -> None:
    analyzer, queue = FakeAnalyzer(), SimpleNamespace(idle=False)
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, make_mp3(1))
        await finish_all(rig)
        running = asyncio.create_task(loudness_queue(rig, analyzer, queue=queue).run())
        await asyncio.sleep(0.1)
        assert analyzer.files == []
        queue.idle = True
        async with asyncio.timeout(20):
            while not analyzer.files:
                await asyncio.sleep(0.02)
        running.cancel()


async def test_without_an_ear_it_says_so_once_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Rig(tmp_path / "data") as rig:
        await loudness_queue(rig, FakeAnalyzer(available=False)).run()
    said = capsys.readouterr()
    assert (said.out + said.err).count("ffmpeg is not installed") == 1
