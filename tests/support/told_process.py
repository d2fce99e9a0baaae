"""A process of the test's own, which calls the methods that the test names."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]


class ToldProcess:
    """The process of a module, as seen by the test. The module must call `serve`."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def call(self, method: str, *arguments: Any) -> Any:
        """Return what this method of `Worker` returns."""
        self.send(method, *arguments)
        return self.result()

    def send(self, method: str, *arguments: Any) -> None:
        """Call a method without waiting for its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")

    def result(self) -> Any:
        """Return the result of the oldest call that was sent."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        """End the process by SIGKILL, and return when it has ended."""
        self._process.kill()
        self._process.communicate()


async def serve(worker: object) -> None:
    """Call the worker's methods as the test tells, until it closes the pipe."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        method, *arguments = json.loads(line)
        print(json.dumps(await getattr(worker, method)(*arguments)), flush=True)
