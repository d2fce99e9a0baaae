"""A loudness analyzer without ffmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.files import LoudnessReport
from tests.support.mp3 import HEADER

if TYPE_CHECKING:
    from pathlib import Path


class FakeAnalyzer:
    """`core.ports.media.LoudnessAnalyzer` that measures the same in every MP3, and lists the files."""

    def __init__(self, *, available: bool = True) -> None:
        self.available = available
        self.files: list[tuple[str, float]] = []

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        """Take a file with a frame header for an MP3."""
        content = path.read_bytes()
        self.files.append((path.name, seconds))
        return LoudnessReport(integrated=-23.0, peaks=(1, 2, 3)) if HEADER in content else LoudnessReport()
