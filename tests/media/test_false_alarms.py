"""What encoders write is whole for the frame parser."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from media_service.core.findings import Grade, Severity
from media_service.media.inspection.findings import find_problems, grade
from tests.conftest import missing
from tests.media.parsing import POLICY, parse
from tests.media.test_parser import AROUND
from tests.support.stream import RATES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("way", [["-b", "64"], ["--abr", "56"], ["-V", "5"], ["-b", "64", "-p"]])
def test_no_false_alarm_on_lame(tmp_path: Path, rate: int, way: list[str]) -> None:
    if shutil.which("lame") is None:
        missing("lame")
    sound = random.Random(rate).randbytes(rate * 2)
    for mode in ("m", "s"):
        out = tmp_path / f"{mode}.mp3"
        channels = ["-m", mode] if mode == "m" else ["-m", "j"]
        command = ["lame", "--silent", "-r", "-s", str(rate / 1000), "--resample", str(rate / 1000), *way, *channels]
        subprocess.run([*command, "--tt", "Title", "-", str(out)], input=sound * 2, check=True, capture_output=True)
        content = out.read_bytes()
        report = parse(content, 5000)
        assert [found for found in find_problems(report, POLICY) if found.severity is not Severity.INFO] == []
        for before, behind in AROUND.values():
            around = parse(before + content[report.audio_start : report.audio_end] + behind)
            assert [found for found in find_problems(around, POLICY) if found.severity is not Severity.INFO] == []
            assert around.audio_sha256 == report.audio_sha256
        # A frame of 192 bytes with a CRC has no room for the LAME tag.
        assert grade(report, digest_given=False) is (Grade.PROVEN if report.vbr_header else Grade.STRUCTURAL)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("way", [["-b:a", "64k"], ["-q:a", "5"], ["-b:a", "64k", "-write_xing", "0"]])
def test_no_false_alarm_on_ffmpeg(tmp_path: Path, rate: int, way: list[str]) -> None:
    if shutil.which("ffmpeg") is None:
        missing("ffmpeg")
    for channels in ("1", "2"):
        out = tmp_path / f"{channels}.mp3"
        source = ["-f", "lavfi", "-i", f"anoisesrc=r={rate}:d=2:a=0.3"]
        tags = ["-metadata", "title=Title", "-write_id3v1", "1"]
        command = ["ffmpeg", "-v", "error", *source, "-ar", str(rate), "-ac", channels, *way, *tags, str(out)]
        subprocess.run(command, check=True, capture_output=True)
        found = find_problems(parse(out.read_bytes(), 5000), POLICY)
        expected = {"vbr_without_header"} if "-q:a" in way and "0" in way else set()
        assert {each.code for each in found} <= expected, found
