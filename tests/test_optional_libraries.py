"""Without the extra `cluster` everything but PostgreSQL and S3 works, and these say what is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LIBRARIES = ("psycopg", "psycopg_pool", "aiobotocore", "botocore")

WITHOUT = f"""
import sys
for name in {LIBRARIES}:
    sys.modules[name] = None
from media_service.cli import main
main()
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-c", program, *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


@pytest.mark.parametrize(("setting", "value"), [("catalogue", "postgresql://media@127.0.0.1:1/media")])
def test_missing_libraries_are_named_with_the_command_that_installs_them(
    tmp_path: Path, setting: str, value: str
) -> None:
    ended = run(WITHOUT, "serve", "--port", "0", "--data-dir", str(tmp_path), f"--{setting}", value)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"media-service: the setting {setting} needs more libraries: ")
    assert "pip install 'media-service[cluster]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_they_are_not_needed_for_sqlite_and_a_folder(tmp_path: Path) -> None:
    ended = run(WITHOUT, "migrate", "--data-dir", str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_they_are_not_loaded_by_who_does_not_use_them() -> None:
    loaded = run(f"import sys, media_service.cli; print([name for name in {LIBRARIES} if name in sys.modules])")
    assert loaded.stdout == "[]\n"
