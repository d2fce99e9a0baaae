"""Loudness, waveform and silence of a finished file, measured by ffmpeg if it is installed.

Decoding costs 100 times what frame parsing costs and proves less, so no finding depends on it. ffmpeg runs with limits
and idle priority, and may be killed at any time.
"""

from __future__ import annotations

import asyncio
import math
import re
import shutil
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from media_service.core.files import LoudnessReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

MEMORY_BYTES = 1024 * 1024 * 1024
"""Limit of address space; ffmpeg needs a quarter of it for any MP3."""

BASE_CPU_SECONDS = 60
"""Processor time allowed for any file, to which a fifth of the duration is added: ten times what ffmpeg needs."""

STALL_SECONDS = 3600.0
"""Time without output after which ffmpeg is killed. It is long, because a busy machine leaves it little time."""

WAVEFORM_POINTS = 800
"""Points of the waveform."""

WAVEFORM_RATE_HZ = 8000
"""Sample rate from which the waveform is made."""

SILENCE_OPTIONS = "n=-60dB:d=0.5"
"""Silence is below -60 dBFS for at least half a second."""

EDGE_SECONDS = 0.1
"""Distance from the start or end of the file within which silence counts as leading or trailing."""


STDIN_PATH = "file:/proc/self/fd/0"
"""Path of the standard input: opened again, it is seekable, so that ffmpeg can find the end of the audio."""


class RunLimited(Protocol):
    """Run a program with limits, in a process that is killed when the block ends. Raise MediaError."""

    def __call__(
        self, command: Sequence[str], *, cpu_seconds: int, memory_bytes: int, **streams: Any
    ) -> AbstractAsyncContextManager[Process]:
        """Start the command. `streams` are those of `asyncio.create_subprocess_exec`; standard output is a pipe."""


class LoudnessAnalyzer:
    """Measure loudness with the ffmpeg that is installed when this is created, if any."""

    def __init__(self, run_limited: RunLimited) -> None:
        self._run_limited = run_limited
        self._ffmpeg = shutil.which("ffmpeg")

    @property
    def available(self) -> bool:
        """Return whether ffmpeg is installed."""
        return self._ffmpeg is not None

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        """Return an empty result if the file cannot be decoded. Raise FileNotFoundError, MediaError."""
        file = await asyncio.to_thread(path.open, "rb")
        log = _FfmpegLog(seconds)
        with file:
            async with self._run(file, seconds) as process:
                try:
                    assert process.stdout is not None
                    assert process.stderr is not None
                    await asyncio.gather(_read(process.stdout, log.parse_peak), _read(process.stderr, log.parse_line))
                    status = await process.wait()
                except (TimeoutError, ValueError):
                    return LoudnessReport()
        return log.report() if status == 0 else LoudnessReport()

    def _run(self, file: BinaryIO, seconds: float) -> AbstractAsyncContextManager[Process]:
        assert self._ffmpeg is not None
        command = (
            *(self._ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-v", "info", "-threads", "1"),
            # No other path can be opened. The format is fixed, because ffmpeg would accept any format it detects.
            *("-protocol_whitelist", "file", "-f", "mp3", "-i", STDIN_PATH),
            *("-filter_complex_threads", "1", "-filter_complex", _filters(seconds)),
            *("-map", "[loud]", "-f", "null", "-", "-map", "[wave]", "-f", "null", "-"),
        )
        cpu_seconds = BASE_CPU_SECONDS + int(seconds / 5)
        return self._run_limited(command, cpu_seconds=cpu_seconds, memory_bytes=MEMORY_BYTES, stdin=file, stderr=PIPE)


def _filters(seconds: float) -> str:
    samples = max(1, math.ceil(seconds * WAVEFORM_RATE_HZ / WAVEFORM_POINTS))
    return (
        f"[0:a:0]asplit=2[one][two];[one]silencedetect={SILENCE_OPTIONS},ebur128=peak=true:framelog=verbose[loud];"
        f"[two]aformat=channel_layouts=mono,aresample={WAVEFORM_RATE_HZ},asetnsamples=n={samples}:p=0,"
        "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level,"
        "ametadata=print:key=lavfi.astats.Overall.Peak_level:file=-[wave]"
    )


async def _read(stream: asyncio.StreamReader, parse: Callable[[str], None]) -> None:
    """Parse each line. Raise TimeoutError if none comes, ValueError if one is too long."""
    while True:
        async with asyncio.timeout(STALL_SECONDS):
            line = await stream.readline()
        if not line:
            return
        parse(line.decode(errors="replace"))


class _FfmpegLog:
    """Values parsed from ffmpeg's output."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._peaks: list[int] = []
        self._measures: dict[str, float] = {}
        self._leading_silence = 0.0
        self._silent_since: float | None = None
        self._silent_until = 0.0

    def parse_peak(self, line: str) -> None:
        """Parse a line of the waveform."""
        if (match := re.search(r"Peak_level=(-?[\d.]+|-inf)", line)) and len(self._peaks) < 2 * WAVEFORM_POINTS:
            level = float(match[1])
            self._peaks.append(round(100 * min(1.0, 10 ** (level / 20))))

    def parse_line(self, line: str) -> None:
        """Parse a line of the log."""
        if match := re.search(r"silence_start: (-?[\d.]+)", line):
            self._silent_since = max(0.0, float(match[1]))
        elif match := re.search(r"silence_end: ([\d.]+)", line):
            self._silent_until = float(match[1])
            if self._silent_since is not None and self._silent_since <= EDGE_SECONDS:
                self._leading_silence = self._silent_until
        elif match := re.match(r"\s+(I|LRA|Peak): +(-?[\d.]+|-?inf) ", line):
            self._measures[match[1]] = float(match[2])

    def report(self) -> LoudnessReport:
        """Return the result."""
        loudness, peak = self._measures.get("I"), self._measures.get("Peak")
        since, until = self._silent_since, self._silent_until
        silent_at_end = since is not None and (until <= since or until >= self._seconds - EDGE_SECONDS)
        trailing_silence = max(0.0, self._seconds - since) if since is not None and silent_at_end else 0.0
        # -70 LUFS is the absolute gate (EBU R 128): no block was loud enough to count.
        silent = loudness is None or loudness <= -70
        return LoudnessReport(
            integrated=None if silent else loudness,
            range=None if silent else self._measures.get("LRA"),
            true_peak=None if peak is None or math.isinf(peak) else peak,
            leading_silence=round(
                min(self._leading_silence, self._seconds) if since != 0 or not silent_at_end else self._seconds, 3
            ),
            trailing_silence=round(trailing_silence, 3),
            peaks=tuple(self._peaks[:WAVEFORM_POINTS]),
        )
