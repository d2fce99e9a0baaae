"""The processes of a running service: each may be killed, and they share the work."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.server.tree import WITHIN_SECONDS, connections, log_of, status, until, until_all_accept
from tests.support.api import Api
from tests.support.sidecar import named_children, wait_for_exit

if TYPE_CHECKING:
    from tests.support.server import Server

pytestmark = pytest.mark.slow


def test_killed_receiver_is_restarted_and_the_others_serve_meanwhile(server: Server) -> None:
    killed, other = server.receivers
    os.kill(killed, signal.SIGKILL)
    for _ in range(20):
        assert status(server, "/health") == 200
    until(lambda: len(server.receivers) == 2)
    assert other in server.receivers
    assert killed not in server.receivers
    assert '"process died"' in log_of(server)


def test_connection_that_no_receiver_has_accepted_outlives_them(server: Server) -> None:
    killed = server.receivers
    for receiver in killed:
        os.kill(receiver, signal.SIGSTOP)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WITHIN_SECONDS)
    connection.request("GET", "/health")
    for receiver in killed:
        os.kill(receiver, signal.SIGKILL)
    assert connection.getresponse().status == 200
    connection.close()


def test_connections_are_spread_evenly(server: Server) -> None:
    until_all_accept(server)
    with connections(server, 16) as taken:
        assert min(taken) >= 4


async def test_session_begins_and_ends_in_every_receiver(server: Server) -> None:
    await asyncio.to_thread(until_all_accept, server)
    async with AsyncExitStack() as opened:
        # As many connections as receivers, each at another one.
        pages = [Api(await opened.enter_async_context(aiohttp.ClientSession()), server.url, server.token) for _ in "ab"]
        for page in pages:
            assert (await page.get("/health")).status == 200
        signed_in = await pages[0].request("POST", "/session", json={"token": server.token})
        cookie = {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0]}
        for page in pages:
            page.headers = cookie
            assert (await page.get("/api/v1/files")).status == 200
        assert (await pages[1].request("DELETE", "/session")).status == 204
        assert (await pages[1].get("/api/v1/files")).status == 401
        async with asyncio.timeout(WITHIN_SECONDS):
            while (await pages[0].get("/api/v1/files")).status != 401:
                await asyncio.sleep(0.02)


def test_killed_finisher_is_restarted(server: Server) -> None:
    receivers, killed = server.receivers, server.finisher
    os.kill(killed, signal.SIGKILL)
    until(lambda: named_children(server.pid, "media-finisher") not in ([], [killed]))
    until(lambda: status(server) == 200)
    until(lambda: server.receivers == receivers)


def test_killed_sidecar_is_restarted_and_every_receiver_uses_the_next_one(server: Server) -> None:
    # One that is starting needs the sidecar, and is started again without it.
    until_all_accept(server)
    receivers, killed = server.receivers, server.sidecar
    os.kill(killed, signal.SIGKILL)
    until(lambda: server.sidecar != killed)
    for _ in range(10):
        until(lambda: status(server) == 200)
    until(lambda: server.receivers == receivers)


def test_everything_ends_with_the_supervisor_and_starts_again(server: Server) -> None:
    processes = [*server.receivers, server.finisher, server.sidecar]
    server.kill()
    for pid in processes:
        wait_for_exit(pid)
    server.start()


def test_ready_is_503_while_the_finisher_is_silent(server: Server) -> None:
    finisher = server.finisher
    os.kill(finisher, signal.SIGSTOP)
    until(lambda: status(server) == 503)
    assert status(server, "/health") == 200
    os.kill(finisher, signal.SIGCONT)
    until(lambda: status(server) == 200)


def test_finisher_has_a_low_priority_among_the_processes_of_its_session(server: Server) -> None:
    finisher, (receiver, _) = server.finisher, server.receivers
    assert os.getpriority(os.PRIO_PROCESS, finisher) == os.getpriority(os.PRIO_PROCESS, receiver) + 10
    assert os.sched_getscheduler(finisher) == os.SCHED_BATCH
    # With autogroups the kernel compares priorities within a session only.
    assert os.getsid(finisher) == os.getsid(receiver) == os.getsid(server.sidecar)
