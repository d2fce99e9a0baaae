"""One finisher of two nodes is active, and `/ready` tells the truth about database and store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.cluster.nodes import new_backend
from tests.server.tree import log_of, status, until
from tests.services.postgresql import PostgreSQL
from tests.services.s3 import VersityGateway
from tests.support.api import Api
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server
from tests.support.sidecar import named_children

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

pytestmark = pytest.mark.slow

STANDS_BY, LOST, ACTIVE = "this one stands by", "lock of the active finisher is lost", "this finisher is active now"


def log(server: Server) -> str:
    assert server.log is not None
    return server.log.read_text()


async def test_finisher_that_lost_its_lock_ends_and_one_is_active_again(
    nodes: tuple[Server, Server], session: aiohttp.ClientSession
) -> None:
    active, other = nodes
    until(lambda: sum(STANDS_BY in log(node) for node in nodes) == 1)
    if STANDS_BY in log(active):
        active, other = other, active
    lost, stands_by = active.finisher, other.finisher
    # Nothing else holds such a lock at rest.
    active.database.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    until(lambda: LOST in log(active))
    until(lambda: named_children(active.pid, "media-finisher") not in ([], [lost]))
    assert other.finisher == stands_by
    until(lambda: ACTIVE in log(other) or STANDS_BY not in log(active))
    for node in (active, other):
        whole = make_mp3_of(100_000, seed=17_200)
        api = Api(session, node.url, node.token)
        upload = await api.create("after.mp3", len(whole))
        await api.put(upload["id"], 0, whole)
        assert (await api.ended(upload["id"]))["digest"] == hashlib.sha256(whole).hexdigest()
        assert status(node) == 200


def test_both_are_ready_while_one_of_them_finishes(nodes: tuple[Server, Server]) -> None:
    one, other = nodes
    one.stop()
    until(lambda: ACTIVE in log(other) or STANDS_BY not in log(other))
    assert status(other) == 200
    one.start()
    until(lambda: STANDS_BY in log(one))
    assert status(one) == 200
    assert status(other) == 200


def test_ready_is_503_while_database_or_store_are_away(tmp_path: Path) -> None:
    with PostgreSQL() as postgresql, VersityGateway() as gateway:
        backend = new_backend(postgresql.databases, gateway.buckets)
        with Server(tmp_path / "data", backend=backend, disk_reserve=0, log=tmp_path / "log") as server:
            receivers, finisher = server.receivers, server.finisher
            for engine in (postgresql, gateway):
                engine.kill()
                until(lambda: status(server) == 503)
                assert status(server, "/health") == 200
                engine.start()
                until(lambda: status(server) == 200)
            # The finisher lost its lock; receivers need none.
            until(lambda: server.receivers == receivers)
            until(lambda: named_children(server.pid, "media-finisher") not in ([], [finisher]))
            assert log_of(server).count('"process died"') == 1
