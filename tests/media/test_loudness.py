"""Loudness, silence and waveform, measured by the real ffmpeg within limits."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from media_service.media.inspection.loudness import LoudnessAnalyzer
from media_service.media.workers import spawn
from tests.conftest import missing
from tests.support.mp3 import make_mp3

BETWEEN = "[0]atrim=duration=3[a];[1]atrim=duration=5[b];[2]atrim=duration=2[c];[a][b][c]concat=n=3:v=0:a=1"


@pytest.fixture(autouse=True)
def _ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")


def tone_between_silences(path: Path) -> Path:
    """Write three seconds of silence, five of a tone at -18 dBFS, two of silence."""
    quiet, tone = "anullsrc=r=44100:cl=mono", "sine=1000:r=44100"
    sources = [part for source in (quiet, tone, quiet) for part in ("-f", "lavfi", "-i", source)]
    command = ["ffmpeg", "-v", "error", *sources, "-filter_complex", BETWEEN, "-b:a", "64k", "-f", "mp3", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


async def test_loudness_silence_and_waveform_are_measured(tmp_path: Path) -> None:
    heard = await LoudnessAnalyzer(spawn.run_limited).measure_loudness(tone_between_silences(tmp_path / "a"), 10.0)
    assert heard.integrated == pytest.approx(-21.7, abs=0.6)
    assert heard.true_peak == pytest.approx(-18, abs=3)
    assert heard.range is not None
    assert heard.leading_silence == pytest.approx(3, abs=0.15)
    assert heard.trailing_silence == pytest.approx(2, abs=0.15)
    assert 700 <= len(heard.peaks) <= 800
    middle = heard.peaks[len(heard.peaks) * 4 // 10 : len(heard.peaks) * 7 // 10]
    assert max(heard.peaks[:200]) == 0
    assert min(middle) >= 8
    assert max(middle) <= 20


async def test_silence_has_no_loudness(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(make_mp3(5))
    heard = await LoudnessAnalyzer(spawn.run_limited).measure_loudness(path, 5.0)
    assert (heard.integrated, heard.true_peak) == (None, None)
    assert heard.leading_silence == heard.trailing_silence == pytest.approx(5, abs=0.1)
    assert set(heard.peaks) == {0}


def test_analyzer_is_unavailable_without_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not LoudnessAnalyzer(spawn.run_limited).available


@pytest.mark.parametrize(
    ("script", "limit"),
    [("while True: pass", "time"), ("bytearray(1 << 30)", "memory"), ("open('a', 'wb', 0).write(b'x')", "files")],
)
def test_limits_apply_to_the_program(tmp_path: Path, script: str, limit: str) -> None:
    command = [sys.executable, "-I", "-m", "media_service.media.workers.limited_exec", "1", str(512 << 20)]
    ended = subprocess.run(
        [*command, str(Path(sys.executable).resolve()), "-S", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    if limit == "time":
        assert ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    else:
        named = ("MemoryError",) if limit == "memory" else ("OSError", "PermissionError")
        assert ended.stderr.splitlines()[-1].startswith(named)
