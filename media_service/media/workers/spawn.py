"""Programs of ours that run beside the server, each in a process that may be killed at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

from media_service.core.errors.service import MediaError

NEEDED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""What of the environment a child gets."""


async def start(module: str, *arguments: str, **streams: Any) -> Process:
    """Runs a module of this room, of which it is read what it says. Raises MediaError where there is no room for it.

    It has a session of its own: Ctrl-C is the server's to handle. It gets none of the environment's secrets.
    """
    environment = {name: os.environ[name] for name in NEEDED if name in os.environ}
    command = (sys.executable, "-I", "-m", f"media_service.media.{module}", *arguments)
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, start_new_session=True, env=environment, **streams
        )
    except OSError as error:
        raise MediaError from error


async def protections() -> list[str]:
    """Return the names of the protections that hold for children on this machine. Raises MediaError."""
    process = await start("sandbox")
    assert process.stdout is not None
    try:
        names: list[str] = json.loads(await process.stdout.read())
        # Killing a process that has just ended takes its status away from asyncio, which warns of it.
        await process.wait()
    except ValueError as error:
        raise MediaError from error
    finally:
        if process.returncode is None:
            await end(process)
    return names


async def end(process: Process) -> None:
    """Kills it where it still runs, and waits for its end."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
