"""Start the programs of this folder as child processes, and kill them."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from media_service.core.errors.service import MediaError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""Environment variables that a child process gets: none of them is a secret."""


async def start(module: str, *arguments: str, **streams: Any) -> Process:
    """Start a module of this folder with a pipe as standard output. Raise MediaError if it cannot be started. The
    process has a group of its own, so that Ctrl-C reaches the supervisor only, but the finisher's session: the kernel's
    autogroups (sched(7)) give each session an equal share, whatever the `nice` value of its processes."""
    environment = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    command = (sys.executable, "-I", "-m", f"media_service.media.workers.{module}", *arguments)
    try:
        return await asyncio.create_subprocess_exec(*command, stdout=PIPE, process_group=0, env=environment, **streams)
    except OSError as error:
        raise MediaError from error


@asynccontextmanager
async def run_limited(
    command: Sequence[str], *, cpu_seconds: int, memory_bytes: int, **streams: Any
) -> AsyncIterator[Process]:
    """Run a program with limits (see `limited_exec`), and kill it when the block ends. Raise MediaError."""
    process = await start("limited_exec", str(cpu_seconds), str(memory_bytes), *command, **streams)
    try:
        yield process
    finally:
        await kill(process)


async def kill(process: Process) -> None:
    """Kill the process if it runs, and wait for its end."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
