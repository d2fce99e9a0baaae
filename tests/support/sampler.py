"""Sample a server's latency and memory: `python -m tests.support.sampler PORT PID`, until stdin ends.

It is a separate process, so that a busy test does not delay it. It also samples a control server, whose latency is the
machine's.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from pathlib import Path

from tests.support.memory import children, proportional

EVERY_SECONDS = 0.02
MEMORY_EVERY = 10
"""Samples of latency between two of memory."""

TIMEOUT_SECONDS = 10.0
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def main() -> None:
    """Write all samples as one JSON object."""
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
    """Return the seconds until the response on a new connection, and the failure if any."""
    began = time.perf_counter()
    failure: str | None = None
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(REQUEST)
            response = connection.recv(4096)
            failure = None if b" 200 " in response[:16] else repr(response[:80])
    except OSError as error:
        failure = repr(error)
    return time.perf_counter() - began, failure


def _tree(pid: int) -> int:
    """Return the bytes that the process and its descendants hold; pages that they share count once."""
    try:
        return proportional(pid) + sum(map(_tree, children(pid)))
    except (OSError, AssertionError):
        # The process has exited.
        return 0


def _control_server() -> int:
    """Start a process that responds to every connection at once, and return its port; it exits with this one."""
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
