"""Suite of `core.ports.media.LoudnessAnalyzer`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from media_service.core.files import LoudnessReport
from media_service.media.inspection import loudness
from media_service.media.workers import spawn
from tests.conftest import missing
from tests.intake.fake_analyzer import FakeAnalyzer
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media_service.core.ports.media import LoudnessAnalyzer


def ffmpeg() -> LoudnessAnalyzer:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    return loudness.LoudnessAnalyzer(spawn.run_limited)


ADAPTERS: dict[str, Callable[[], LoudnessAnalyzer]] = {"ffmpeg": ffmpeg, "fake": FakeAnalyzer}


@pytest.fixture(params=list(ADAPTERS))
def analyzer(request: pytest.FixtureRequest) -> LoudnessAnalyzer:
    return ADAPTERS[request.param]()


async def test_audio_has_a_waveform_in_percent(analyzer: LoudnessAnalyzer, tmp_path: Path) -> None:
    assert analyzer.available
    (path := tmp_path / "a").write_bytes(make_mp3(2))
    report = await analyzer.measure_loudness(path, 2.0)
    assert report.peaks
    assert all(0 <= peak <= 100 for peak in report.peaks)


@pytest.mark.parametrize("content", [b"", b"words " * 5000, b"#EXTM3U\nfile:///etc/passwd\n"])
async def test_undecodable_file_has_an_empty_result(analyzer: LoudnessAnalyzer, tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "a").write_bytes(content)
    assert await analyzer.measure_loudness(path, 1.0) == LoudnessReport()


async def test_missing_file_raises(analyzer: LoudnessAnalyzer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await analyzer.measure_loudness(tmp_path / "missing", 1.0)
