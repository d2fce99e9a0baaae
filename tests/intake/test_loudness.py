"""Measuring loudness of finished files: each once, in idle time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from media_service.core.files import LoudnessReport
from media_service.intake.finalizing.loudness import LoudnessQueue
from tests.intake.rig import Rig
from tests.intake.test_finalizer import finish_all, receive
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


class Pair:
    """An analyzer that returns the same report for every file, and counts."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available
        self.files: list[tuple[str, float]] = []

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        if not path.exists():
            raise FileNotFoundError(path)
        self.files.append((path.name, seconds))
        return LoudnessReport(integrated=-23.0, peaks=(1, 2, 3))


def loudness_queue(rig: Rig, analyzer: Any, quiet: Callable[[], bool] = lambda: True) -> LoudnessQueue:
    delivered = rig.finalizer.delivered
    return LoudnessQueue(rig.database, rig.spool, analyzer, clock=lambda: rig.time, delivered=delivered, quiet=quiet)


async def test_every_file_is_measured_once_also_after_a_restart(tmp_path: Path) -> None:
    analyzer = Pair()
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
        assert await loudness_queue(rig, Pair()).measure_next()
        assert not await loudness_queue(rig, Pair()).measure_next()


async def test_a_file_delivered_meanwhile_is_measured(tmp_path: Path) -> None:
    analyzer = Pair()
    async with Rig(tmp_path / "data") as rig:
        running = asyncio.create_task(loudness_queue(rig, analyzer).run())
        await asyncio.sleep(0.05)
        await receive(rig, make_mp3(1))
        await finish_all(rig)
        async with asyncio.timeout(20):
            while not analyzer.files:
                await asyncio.sleep(0.02)
        running.cancel()


async def test_nothing_is_measured_while_the_service_is_busy(tmp_path: Path) -> None:
    analyzer, asked = Pair(), list[bool]()

    def quiet() -> bool:
        asked.append(not analyzer.files)
        return len(asked) > 2

    async with Rig(tmp_path / "data") as rig:
        await receive(rig, make_mp3(1))
        await finish_all(rig)
        running = asyncio.create_task(loudness_queue(rig, analyzer, quiet).run())
        async with asyncio.timeout(20):
            while not analyzer.files:
                await asyncio.sleep(0.02)
        running.cancel()
    assert asked[:3] == [True] * 3


async def test_without_an_ear_it_says_so_once_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Rig(tmp_path / "data") as rig:
        await loudness_queue(rig, Pair(available=False)).run()
    said = capsys.readouterr()
    assert (said.out + said.err).count("ffmpeg is not installed") == 1
