"""Run `media-service` in a process that is forked from one that has imported it: to start it anew takes two seconds."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.server import ROOT

SECONDS = 60.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["media_service.cli"])


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `media-service` with these arguments to its end."""
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        command = ["media-service", *arguments]
        process = _processes.Process(target=_become, args=(command, environment, str(stdout), str(stderr)))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, SECONDS)
        return subprocess.CompletedProcess(command, process.exitcode, stdout.read_text(), stderr.read_text())


def _become(command: list[str], environment: dict[str, str], stdout: str, stderr: str) -> None:
    for name in [name for name in os.environ if name.startswith("MEDIA_SERVICE_")]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(ROOT)
    for path, descriptor in ((stdout, 1), (stderr, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.argv = command
    from media_service.cli import main  # noqa: PLC0415  # only this process runs it

    main()
