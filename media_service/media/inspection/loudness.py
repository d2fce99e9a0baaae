"""How loud a finished file is, how its waveform looks, and where it is silent: by ffmpeg, where that is installed.

Decoding costs a hundred times what the walk costs and proves less, so no verdict depends on it. It runs in a process
with limits that may be killed at any moment, and takes only what time nobody else wants.
"""

from __future__ import annotations

import asyncio
import math
import re
import shutil
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING, BinaryIO

from media_service.core.files import LoudnessReport
from media_service.media.workers import spawn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMORY = 1024 * 1024 * 1024
"""Bytes of address space; ffmpeg needs a quarter of it for any MP3."""

PATIENCE = 60
"""Seconds of processor time that any file may take; longer ones a fifth of their duration, ten times what they need."""

STANDSTILL = 3600.0
"""Seconds by the clock without a word from ffmpeg, after which it is killed; on a busy machine it creeps for long."""

PEAKS = 800
"""Points of a waveform."""

RATE = 8000
"""Samples a second from which the waveform is made."""

SILENCE = "n=-60dB:d=0.5"
"""What counts as silence: so much below full scale, for half a second."""

EDGE = 0.1
"""Seconds from the beginning or the end within which silence must begin or end to be the file's own edge."""


FILE = "file:/proc/self/fd/0"
"""Standard input by a path: of a pipe, in which it cannot seek, ffmpeg does not know where the sound ends."""


class LoudnessAnalyzer:
    """`core.ports.LoudnessAnalyzer` by the ffmpeg found when this is made, if any."""

    def __init__(self) -> None:
        self._ffmpeg = shutil.which("ffmpeg")

    @property
    def available(self) -> bool:
        """Whether there is anything to hear with."""
        return self._ffmpeg is not None

    async def measure_loudness(self, path: Path, seconds: float) -> LoudnessReport:
        """What is heard in a file of so many seconds; nothing where it cannot be decoded within the limits.

        Raises FileNotFoundError, MediaError.
        """
        file = await asyncio.to_thread(path.open, "rb")
        with file:
            process = await self._start(file, seconds)
        notes = _Notes(seconds)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            await asyncio.gather(_read(process.stdout, notes.take_peak), _read(process.stderr, notes.take))
            status = await process.wait()
        except (TimeoutError, ValueError):
            return LoudnessReport()
        finally:
            await spawn.end(process)
        return notes.heard() if status == 0 else LoudnessReport()

    async def _start(self, file: BinaryIO, seconds: float) -> Process:
        assert self._ffmpeg is not None
        limits = (str(PATIENCE + int(seconds / 5)), str(MEMORY))
        return await spawn.start(
            *("limited", *limits),
            *(self._ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-v", "info", "-threads", "1"),
            # It can open no other path. The kind is stated, since ffmpeg would open whatever else the bytes may be.
            *("-protocol_whitelist", "file", "-f", "mp3", "-i", FILE),
            *("-filter_complex_threads", "1", "-filter_complex", _filters(seconds)),
            *("-map", "[loud]", "-f", "null", "-", "-map", "[wave]", "-f", "null", "-"),
            stdin=file,
            stderr=PIPE,
        )


def _filters(seconds: float) -> str:
    samples = max(1, math.ceil(seconds * RATE / PEAKS))
    return (
        f"[0:a:0]asplit=2[one][two];[one]silencedetect={SILENCE},ebur128=peak=true:framelog=verbose[loud];"
        f"[two]aformat=channel_layouts=mono,aresample={RATE},asetnsamples=n={samples}:p=0,"
        "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level,"
        "ametadata=print:key=lavfi.astats.Overall.Peak_level:file=-[wave]"
    )


async def _read(stream: asyncio.StreamReader, take: Callable[[str], None]) -> None:
    """Each line as it comes. Raises TimeoutError where none comes, ValueError for one without end."""
    while True:
        async with asyncio.timeout(STANDSTILL):
            line = await stream.readline()
        if not line:
            return
        take(line.decode(errors="replace"))


class _Notes:
    """What ffmpeg says, as far as it matters."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._peaks: list[int] = []
        self._measures: dict[str, float] = {}
        self._before = 0.0
        self._silent_since: float | None = None
        self._silent_until = 0.0

    def take_peak(self, line: str) -> None:
        """A line of the waveform."""
        if (found := re.search(r"Peak_level=(-?[\d.]+|-inf)", line)) and len(self._peaks) < 2 * PEAKS:
            level = float(found[1])
            self._peaks.append(round(100 * min(1.0, 10 ** (level / 20))))

    def take(self, line: str) -> None:
        """A line of the log."""
        if found := re.search(r"silence_start: (-?[\d.]+)", line):
            self._silent_since = max(0.0, float(found[1]))
        elif found := re.search(r"silence_end: ([\d.]+)", line):
            self._silent_until = float(found[1])
            if self._silent_since is not None and self._silent_since <= EDGE:
                self._before = self._silent_until
        elif found := re.match(r"\s+(I|LRA|Peak): +(-?[\d.]+|-?inf) ", line):
            self._measures[found[1]] = float(found[2])

    def heard(self) -> LoudnessReport:
        """What it comes to."""
        loudness, peak = self._measures.get("I"), self._measures.get("Peak")
        since, until = self._silent_since, self._silent_until
        lasts = since is not None and (until <= since or until >= self._seconds - EDGE)
        behind = max(0.0, self._seconds - since) if since is not None and lasts else 0.0
        # -70 LUFS is the gate of the measure: nothing was loud enough to count.
        silent = loudness is None or loudness <= -70
        return LoudnessReport(
            integrated=None if silent else loudness,
            range=None if silent else self._measures.get("LRA"),
            true_peak=None if peak is None or math.isinf(peak) else peak,
            leading_silence=round(min(self._before, self._seconds) if since != 0 or not lasts else self._seconds, 3),
            trailing_silence=round(behind, 3),
            peaks=tuple(self._peaks[:PEAKS]),
        )
