"""Signals to the supervisor: reload, stop, stop at once."""

from __future__ import annotations

import asyncio
import http.client
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.server.tree import PIECE, WITHIN_SECONDS, log_of, until
from tests.support.api import Api
from tests.support.raw import head
from tests.support.server import ROOT, Server
from tests.support.sidecar import named_children, wait_for_exit

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

pytestmark = pytest.mark.slow


class Client:
    """Send requests on one connection after the other, as long as each lasts, and never send one again."""

    def __init__(self, server: Server, stop: threading.Event) -> None:
        self.responses = 0
        self.failures: list[str] = []
        self._server = server
        self._stop = stop
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=WITHIN_SECONDS)
        body = b'{"filename": "a.mp3"}'
        while not self._stop.is_set():
            try:
                connection.request("POST", "/api/v1/uploads", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.responses += 1
            if response.status != 201:
                self.failures.append(str(response.status))
            time.sleep(0.005)
        connection.close()


def replaced(server: Server, before: list[int]) -> bool:
    """Return whether all of these receivers have ended, and others run in their place."""
    return len(server.receivers) == len(before) and not set(server.receivers) & set(before)


def test_reload_replaces_every_receiver_and_loses_no_request(server: Server) -> None:
    stop = threading.Event()
    clients = [Client(server, stop) for _ in range(8)]
    for _ in range(2):
        before = server.receivers
        server.signal(signal.SIGHUP)
        until(partial(replaced, server, before))
    stop.set()
    for client in clients:
        client.join()
    assert [client.failures for client in clients] == [[]] * len(clients)
    assert all(client.responses > 10 for client in clients)
    assert "died" not in log_of(server)


@pytest.mark.parametrize("server", [{"keepalive_timeout": 1}], indirect=True)
async def test_slow_request_of_a_retired_receiver_ends_and_its_connection_is_closed(
    server: Server, session: aiohttp.ClientSession
) -> None:
    upload = await Api(session, server.url, server.token).create("slow.mp3", PIECE)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head("PUT", f"/api/v1/uploads/{upload['id']}/slices/0", length=PIECE) + bytes(1000))
    await writer.drain()
    before = server.receivers
    server.signal(signal.SIGHUP)
    await asyncio.to_thread(until, lambda: len(set(server.receivers) - set(before)) == 2)
    # The new ones run; let them get ready, so that both old ones are told to retire.
    await asyncio.sleep(3)
    writer.write(bytes(PIECE - 1000))
    top = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b" 200 " in top
    assert b"connection: close" in top
    await reader.read()
    writer.close()
    await asyncio.to_thread(until, lambda: not set(server.receivers) & set(before))


def test_reload_applies_changed_settings_and_their_number_of_workers(data: Path) -> None:
    config = data.parent / "settings.toml"
    config.write_text('station_name = "before"\nworkers = 2\n')
    with Server(data, disk_reserve=0, log=data.parent / "log", config=config) as server:
        until(lambda: len(server.receivers) == 2)
        config.write_text('station_name = "after"\nworkers = 1\nport = 1\n')
        before = server.receivers
        server.signal(signal.SIGHUP)
        until(lambda: len(server.receivers) == 1 and server.receiver not in before)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN_SECONDS)
        connection.request("GET", "/")
        assert b"after" in connection.getresponse().read()
        connection.close()
        receivers = server.receivers
        config.write_text("workers = 0\n")
        server.signal(signal.SIGHUP)
        until(lambda: "reload refused" in log_of(server))
        assert server.receivers == receivers


async def test_request_ends_after_sigterm_and_new_connections_are_refused(
    data: Path, session: aiohttp.ClientSession
) -> None:
    with Server(data, disk_reserve=0, workers=2, shutdown_timeout=WITHIN_SECONDS) as server:
        upload = await Api(session, server.url, server.token).create("slow.mp3", PIECE)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head("PUT", f"/api/v1/uploads/{upload['id']}/slices/0", length=PIECE) + bytes(PIECE - 1))
        await writer.drain()
        await asyncio.sleep(0.1)
        server.signal(signal.SIGTERM)
        await asyncio.to_thread(until, lambda: refuses(server.port))
        writer.write(b"x")
        assert b" 200 " in await reader.readline()
        writer.close()
        assert await asyncio.to_thread(server.wait) == 0


def refuses(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) != 0


async def test_second_signal_ends_everything_at_once(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, disk_reserve=0, workers=2, shutdown_timeout=600, idle_timeout=600) as server:
        upload = await Api(session, server.url, server.token).create("slow.mp3", PIECE)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head("PUT", f"/api/v1/uploads/{upload['id']}/slices/0", length=PIECE) + bytes(1000))
        await writer.drain()
        await asyncio.sleep(0.1)
        processes = [*server.receivers, server.finisher, server.sidecar]
        server.signal(signal.SIGTERM)
        await asyncio.to_thread(until, lambda: refuses(server.port))
        server.signal(signal.SIGINT)
        assert await asyncio.to_thread(server.wait) == 1
        for pid in processes:
            wait_for_exit(pid)
        assert await reader.read() == b""
        writer.close()


def test_service_that_cannot_start_ends(data: Path) -> None:
    (data / "spool").mkdir(parents=True)
    (data / "spool" / "mp3").write_text("no folder")
    command = (sys.executable, "-m", "media_service", "serve", "--port", "0", "--data-dir", str(data))
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert ended.returncode == 1
    assert "mp3" in ended.stderr


@pytest.mark.parametrize("how", ["Ctrl-C", "closed"])
def test_terminal_ends_the_service(data: Path, how: str) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "media_service", "serve", "--port", "0", "--data-dir", str(data)]
    program = f"import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv({command[0]!r}, {command})"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=end, stdout=end, stderr=end, cwd=ROOT, start_new_session=True
    ) as process:
        os.close(end)
        printed = b""
        while b"Ctrl-C" not in printed:
            printed += os.read(terminal, 4096)
        until(lambda: named_children(process.pid, "media-receiver") and named_children(process.pid, "media-finisher"))
        processes = named_children(process.pid, "media-receiver") + named_children(process.pid, "media-finisher")
        if how == "Ctrl-C":
            os.write(terminal, b"\x03")
        else:
            os.close(terminal)
        assert process.wait(WITHIN_SECONDS) == 0
    for pid in processes:
        wait_for_exit(pid)
