"""Programs of ours that run beside the server, each in a process that may be killed at any moment."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any

from media_service.core.errors import MediaTrouble


async def start(module: str, *arguments: str, **streams: Any) -> Process:
    """Runs a module of this room, of which it is read what it says. Raises MediaTrouble where there is no room for it.

    It has a session of its own: Ctrl-C is the server's to handle.
    """
    command = (sys.executable, "-I", "-m", f"media_service.media.{module}", *arguments)
    try:
        return await asyncio.create_subprocess_exec(*command, stdout=PIPE, start_new_session=True, **streams)
    except OSError as error:
        raise MediaTrouble from error


async def end(process: Process) -> None:
    """Kills it where it still runs, and waits for its end."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
