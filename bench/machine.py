"""The machine and the versions that a result was measured with."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.target import Target


def machine(place: str) -> str:
    """Return date, processor, memory, kernel, versions and the place of the data, as Markdown."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    facts = [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{os.cpu_count()} x {model}, {memory / 1024**2:.0f} GiB",
        f"Linux {platform.release()}",
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}",
        f"data on {place}, the payload on tmpfs; the generator on the same machine",
    ]
    return "\n".join(f"- {fact}" for fact in facts) + "\n"


def versions(targets: Sequence[Target]) -> str:
    """Return the versions of what was measured, as Markdown."""
    return "".join(f"- {one.name}: {one.version()}\n" for one in targets if not one.missing())


def load_average() -> float:
    """Return the load average of the last minute: above 0.5, other programs disturb the figures."""
    return os.getloadavg()[0]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
