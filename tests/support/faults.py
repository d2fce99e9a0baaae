"""Inject errors and delays into system calls of a running process, on one file, with strace."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTACHES_WITHIN = 10.0


@contextmanager
def fault(pid: int, path: Path, call: str, what: str) -> Iterator[None]:
    """Make `call` on `path` do `what`: `error=EIO:when=1`, `delay_enter=50000` (microseconds).

    Only this file is affected, because the same process syncs its catalogue with the same calls.
    """
    if shutil.which("strace") is None:
        missing("strace")
    command = ["strace", "-f", "-p", str(pid), "-P", str(path), "-e", f"inject={call}:{what}", "-o", "/dev/null"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        line = tracer.stderr.readline()
        if "attached" not in line:
            missing(f"the right to trace a process ({line.strip()})")
        # strace reports the first thread; it attaches to the others a moment later.
        time.sleep(0.3)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(ATTACHES_WITHIN)
        tracer.stderr.close()
