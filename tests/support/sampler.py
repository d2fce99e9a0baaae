"""Measure what others see of a server: `python -m tests.support.sampler PORT PID`, until its input ends.

It is a process of its own, so that a busy test does not delay it. Beside the server it asks a plain control server in
the same way: what that one takes is the machine's delay, not the server's.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from pathlib import Path

from tests.support.memory import children, resident

EVERY_SECONDS = 0.02
MEMORY_EVERY = 10
"""Samples of the answers between two of the memory."""

TIMEOUT_SECONDS = 10.0
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def main() -> None:
    """Write one JSON object with all samples."""
    port, pid = int(sys.argv[1]), int(sys.argv[2])
    control = _control_server()
    print("ready", flush=True)
    health, plain, memory, failures = list[float](), list[float](), list[int](), list[str]()
    while not _input_ended():
        if len(plain) % MEMORY_EVERY == 0:
            memory.append(_tree(pid))
        plain.append(_ask(control)[0])
        seconds, failure = _ask(port)
        health.append(seconds)
        failures += [failure] if failure else []
        time.sleep(EVERY_SECONDS)
    print(json.dumps({"health": health, "control": plain, "memory": memory, "failures": failures}))


def _input_ended() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _ask(port: int) -> tuple[float, str | None]:
    """Return the seconds that an answer on a new connection takes, and what went wrong."""
    began = time.perf_counter()
    failure: str | None = None
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(REQUEST)
            answer = connection.recv(4096)
            failure = None if b" 200 " in answer[:16] else repr(answer[:80])
    except OSError as error:
        failure = repr(error)
    return time.perf_counter() - began, failure


def _tree(pid: int) -> int:
    """Return the resident bytes of the process and of all below it; what they share counts in each."""
    try:
        return resident(pid) + sum(map(_tree, children(pid)))
    except (OSError, AssertionError):
        # It ended while it was looked at.
        return 0


def _control_server() -> int:
    """Start a process that answers every connection at once, and return its port; it ends with this one."""
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    parent = os.getpid()
    if os.fork() == 0:
        while Path(f"/proc/{parent}").exists() and os.getppid() == parent:
            if select.select([listening], [], [], 1)[0]:
                connection = listening.accept()[0]
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                connection.close()
        os._exit(0)
    listening.close()
    return port


if __name__ == "__main__":
    main()
