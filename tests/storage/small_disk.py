"""A disk that is soon full: a tmpfs of a few MiB in a name space of its own, and a process that works on it."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
MOUNT_LOSING = """
mount -t tmpfs -o size=4m none "$1" && truncate -s 64m "$1/image" && mkfs.ext4 -q -O ^has_journal "$1/image" &&
mkdir "$1/losing" && mount -o loop "$1/image" "$1/losing" && shift && exec "$@"
"""
"""An ext4 in a file on the small disk."""


def on_small_disk(mount: Path, scenario: Callable[[Path], Awaitable[Any]], size: str = "4m") -> Any:
    """Return what the scenario, a coroutine function of a test module, returns (as JSON) on such a disk."""
    return _run(("unshare", "-rm", "sh", "-c", MOUNT, "sh", size), mount, scenario)


def on_losing_disk(mount: Path, scenario: Callable[[Path], Awaitable[Any]]) -> Any:
    """Return the same from a disk `losing` in it: of 64 MiB that it takes, it loses what the small one cannot store."""
    return _run(("unshare", "-m", "sh", "-c", MOUNT_LOSING, "sh"), mount, scenario)


def _run(mounted: Sequence[str], mount: Path, scenario: Callable[[Path], Awaitable[Any]]) -> Any:
    mount.mkdir(exist_ok=True)
    if subprocess.run([*mounted, mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED FOR WANT OF unshare with mount: no such disk can be made")
    python = (sys.executable, "-W", "error", "-m", "tests.storage.small_disk")
    done = subprocess.run(
        [*mounted, mount, *python, scenario.__module__, scenario.__name__, mount],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _main(module: str, name: str, mount: str) -> None:
    scenario = getattr(importlib.import_module(module), name)
    json.dump(asyncio.run(scenario(Path(mount))), sys.stdout)


if __name__ == "__main__":
    _main(*sys.argv[1:])
