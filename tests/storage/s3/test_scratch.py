"""Local files of the object store: they end with their process, and memory is shared fairly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from media_service.storage.s3.scratch import IDLE_FILE_BYTES, IDLE_FILES, MEMORY_BYTES, Scratch
from tests.storage.partials import open_files

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROCESS = """
import asyncio, sys
from pathlib import Path
from media_service.storage.s3.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
asyncio.run(scratch.prepare())
scratch.path("copy").write_text("of an upload")
print("ready", flush=True)
sys.stdin.read()
"""


def copies(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.glob("*/*")]


async def test_files_of_a_killed_process_are_deleted_and_those_of_others_are_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        ours = [Scratch(tmp_path) for _ in range(2)]
        for scratch in ours:
            await scratch.prepare()
            scratch.path("copy").write_text("ours")
        assert sorted(copies(tmp_path)) == ["of an upload", "ours", "ours"]
        other.send_signal(signal.SIGKILL)
    ours[0].close()
    assert sorted(copies(tmp_path)) == ["of an upload", "ours"]
    await ours[0].prepare()
    assert copies(tmp_path) == ["ours"]
    for scratch in ours:
        scratch.close()
    assert list(tmp_path.iterdir()) == []


async def test_files_without_a_name_are_used_again(scratch: Scratch) -> None:
    before = open_files()
    for _ in range(3):
        descriptors = [scratch.open_unnamed() for _ in range(IDLE_FILES + 2)]
        for descriptor in descriptors:
            scratch.close_unnamed(descriptor)
        assert open_files() == before + IDLE_FILES
    large = scratch.open_unnamed()
    os.truncate(large, IDLE_FILE_BYTES + 1)
    scratch.close_unnamed(large)
    assert open_files() == before + IDLE_FILES - 1
    scratch.close()
    assert open_files() < before


async def test_file_system_without_unnamed_files_has_some_all_the_same(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As file systems that ignore the flag: a folder cannot be opened for writing.
    monkeypatch.setattr(os, "O_TMPFILE", 0)
    named = sorted(scratch.folder.rglob("*"))
    descriptor = scratch.open_unnamed()
    await scratch.write(descriptor, 0, b"written")
    assert os.pread(descriptor, 10, 0) == b"written"
    assert sorted(scratch.folder.rglob("*")) == named
    scratch.close_unnamed(descriptor)


async def test_memory_is_given_up_to_its_limit(scratch: Scratch) -> None:
    assert scratch.take_memory(MEMORY_BYTES - 1)
    assert not scratch.take_memory(2)
    assert scratch.take_memory(1)
    scratch.give_memory(MEMORY_BYTES)
    assert scratch.take_memory(MEMORY_BYTES)
