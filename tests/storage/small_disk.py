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
    from collections.abc import Awaitable, Callable

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'


def on_small_disk(mount: Path, scenario: Callable[[Path], Awaitable[Any]], size: str = "4m") -> Any:
    """What the scenario, a coroutine function of a test module, returns (as JSON) when it works on such a disk."""
    mount.mkdir(exist_ok=True)
    mounted = ("unshare", "-rm", "sh", "-c", MOUNT, "sh", size, mount)
    if subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode:
        pytest.skip("SKIPPED FOR WANT OF unshare with mount: no small disk can be made")
    python = (sys.executable, "-W", "error", "-m", "tests.storage.small_disk")
    done = subprocess.run(
        [
            "unshare",
            "-rm",
            "sh",
            "-c",
            MOUNT,
            "sh",
            size,
            mount,
            *python,
            scenario.__module__,
            scenario.__name__,
            mount,
        ],
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
