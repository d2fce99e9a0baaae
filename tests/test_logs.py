"""Log lines: JSON or for a terminal, never a control character of a client, never more of them than a bound."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from media_service.http.connections.rate_limited_log import RateLimitedLog
from tests.support.server import ROOT

HOSTILE = "/static/\0\x1b]0;PWNED\x07\x1b[2J\u009b2J\nforged line\u202e.js"
SECRET = "ms_" + "Ab-_9" * 8 + "xyz"
PROGRAM = f"""
import logging, warnings
import structlog
from media_service.logs import log_to_stderr
log_to_stderr()
log = structlog.get_logger()
hostile = {HOSTILE!r}
log.warning("a path", path=hostile, raw=hostile.encode(), several=[hostile], size=5, file="밤.mp3")
logging.getLogger("aiohttp.server").error("said by %s", hostile)
warnings.warn(hostile)
secret = {SECRET!r}
log.warning("service error", path="/media/u/" + secret + "/uploads", cause=repr(OSError(secret)))
log.warning("service error", path="/u/no-secret-but-who-knows", several=["Bearer " + secret])
logging.getLogger("aiohttp.server").error("GET /u/%s HTTP/1.1", secret)
try:
    raise OSError("/u/" + secret)
except OSError:
    log.exception("a fault", method="GET")
try:
    raise ValueError(hostile)
except ValueError:
    log.exception("a fault", path=hostile)
"""


def run(stderr: int, **environment: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], stderr=stderr, cwd=ROOT, check=True, env=os.environ | environment)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_lines_of_several_processes_do_not_mix(unbuffered: str) -> None:
    # Each write is a packet of its own.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            run(theirs.fileno(), PYTHONUNBUFFERED=unbuffered)
        packets = list(iter(lambda: ours.recv(100_000), b""))
    assert len(packets) > 5
    for packet in packets:
        assert packet.endswith(b"\n")
        assert isinstance(json.loads(packet), dict)


def test_lines_that_cannot_be_written_end_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        run(full.fileno())


def test_nothing_of_a_client_reaches_a_terminal_raw() -> None:
    master, terminal = pty.openpty()
    run(terminal)
    os.close(terminal)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    for wanted in ("a path", "said by", "a fault", "Traceback", r"\x1b]0;PWNED", "밤.mp3"):
        assert wanted in shown
    # Colours are structlog's own.
    left = re.sub(r"\x1b\[\d+m", "", shown.replace("\r\n", "\n"))
    assert [c for c in left if not c.isprintable() and c != "\n"] == []
    assert not re.search(r"^forged line", left.partition("Traceback")[0], re.MULTILINE)


def test_everything_is_json_elsewhere() -> None:
    reading, writing = os.pipe()
    run(writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as output:
        lines = [json.loads(line) for line in output]
    assert [line["event"].partition(" /")[0] for line in lines][:2] == ["a path", "said by"]
    assert {"size": 5, "file": "밤.mp3", "level": "warning"}.items() <= lines[0].items()
    assert "Traceback" in lines[-1]["exception"]
    values = [value for line in lines for name, value in line.items() if isinstance(value, str) and name != "exception"]
    assert all(value.isprintable() for value in values)


async def test_lines_are_bounded_per_key_and_the_rest_is_counted() -> None:
    limited = RateLimitedLog("malformed", lines_per_key=2, max_keys=3, window_seconds=0.1)
    with structlog.testing.capture_logs() as lines:
        for key in "abcd" * 5:
            limited.write(key, address=key)
        assert [line["address"] for line in lines] == ["a", "b", "c", "a", "b", "c"]
        await asyncio.sleep(0.2)
        assert lines[6:] == [{"event": "malformed: more of them", "log_level": "warning", "count": 14, "seconds": 0.1}]
        limited.write("d", address="d")
        assert lines[-1]["address"] == "d"
        await asyncio.sleep(0.2)
        assert len(lines) == 8


def test_secrets_of_links_reach_no_line() -> None:
    read, write = os.pipe()
    run(write)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as stderr:
        written = repr([json.loads(line) for line in stderr])
    assert SECRET.removeprefix("ms_") not in written
    assert "who-knows" not in written
    assert "/media/u/…/uploads" in written
    assert "Bearer ms_…" in written
