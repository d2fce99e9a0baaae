"""Run `media-service` with the arguments of a command."""

from __future__ import annotations

import os
import subprocess
from tempfile import TemporaryFile

from tests.support.server import fork_server

SECONDS = 60.0


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `media-service` with these arguments to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MEDIA_SERVICE_")}
    with TemporaryFile("w+") as errors:
        process = fork_server().start(arguments, inherited | environment, errors.fileno())
        with process.stdout as output:
            printed = output.read()
        status = process.wait(SECONDS)
        errors.seek(0)
        return subprocess.CompletedProcess(["media-service", *arguments], status, printed, errors.read())
