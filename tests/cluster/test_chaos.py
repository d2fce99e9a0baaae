"""Any process of two nodes dies, or PostgreSQL or the S3 server does, while clients send over bad lines to both nodes.

Nothing acknowledged is lost, each file is finished once, and nothing is left. `CLUSTER_CHAOS` is the number of kills,
9 by default: of each nine, two receivers, two finishers, both supervisors, PostgreSQL twice, and the S3 server.
`SEED` repeats the choices of a run, not the order of what happens in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.storage.s3.client import S3Client
from media_service.storage.s3.location import S3Location
from media_service.storage.s3.sweeper import abort_abandoned
from tests.cluster.nodes import new_backend, two_nodes
from tests.server.tree import until
from tests.services.postgresql import PostgreSQL
from tests.services.s3 import CREDENTIALS, VersityGateway
from tests.support.api import Api
from tests.support.sidecar import named_children
from tests.support.stores import ObjectStore
from tests.torture.bad_lines import BadLines
from tests.torture.chaos import (
    check_files,
    end_unheard,
    files_of,
    seed_in_failures,
    send_one_more,
    send_while_killing,
)
from tests.torture.chaotic_clients import AppendSender, Sender, SliceSender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.server import Server

KILLS = int(os.environ.get("CLUSTER_CHAOS", "9"))
SEED = int(os.environ.get("SEED", "20261129"))
SETTINGS: dict[str, Any] = {"verdict_wait_slice": 0.05, "verdict_wait_append": 1}


@pytest.fixture
def engines() -> Iterator[tuple[PostgreSQL, VersityGateway]]:
    """Yield a PostgreSQL and an S3 server that this test may kill."""
    with PostgreSQL() as postgresql, VersityGateway() as gateway:
        yield postgresql, gateway


@pytest.mark.timeout(300 + 30 * KILLS)
async def test_killed_nodes_and_engines_lose_nothing_and_leave_nothing(
    tmp_path: Path, engines: tuple[PostgreSQL, VersityGateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql, gateway = engines
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    backend = new_backend(postgresql.databases, gateway.buckets)
    with (
        seed_in_failures(SEED=SEED, CLUSTER_CHAOS=KILLS),
        two_nodes(tmp_path / "nodes", backend, **SETTINGS) as nodes,
    ):
        lines, source = BadLines(nodes, random.Random(SEED)), random.Random(SEED)
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            apis = [Api(session, node.url, node.token) for node in nodes]
            senders: list[Sender] = [SliceSender(number, SEED, lines, apis) for number in range(3)]
            senders += [AppendSender(number, SEED, lines, apis) for number in range(3, 5)]
            await send_while_killing(lines, senders, _kills(nodes, engines, source), source)
            lines.close()
            await end_unheard(apis[0], senders)
            await _sweep_multipart_uploads(nodes[0])
            await asyncio.to_thread(until, lambda: _left(nodes) == [])
            for api in apis:
                await send_one_more(api, senders[0], SEED)
            files = await files_of(apis[1], senders)
        store = nodes[0].store
        check_files(files, {name: store.read(name) for name in store.names()}, senders)
        assert lines.cuts > KILLS
        assert lines.answered_twice > KILLS
        _check_catalogue(nodes[0], files)


def _kills(
    nodes: tuple[Server, Server], engines: tuple[PostgreSQL, VersityGateway], source: random.Random
) -> list[Callable[[], None]]:
    """Return what kills one thing after the other: everything before one comes again."""
    postgresql, gateway = engines
    kinds: list[Callable[[], None]] = []
    for node in nodes:
        kinds += [partial(_kill_process, node, name, source) for name in ("media-receiver", "media-finisher")]
        kinds.append(node.restart)
    kinds += [postgresql.restart, partial(_stop_and_start, postgresql), gateway.restart]
    rounds = range(-(-KILLS // len(kinds)))
    return [kill for _ in rounds for kill in source.sample(kinds, len(kinds))][:KILLS]


def _kill_process(node: Server, name: str, source: random.Random) -> None:
    """Kill a process of this name; the node's supervisor starts it again."""
    until(lambda: named_children(node.pid, name))
    with suppress(ProcessLookupError, IndexError):
        os.kill(source.choice(named_children(node.pid, name)), signal.SIGKILL)


def _stop_and_start(engine: PostgreSQL) -> None:
    """Restart PostgreSQL in the ordinary way, which tells its clients."""
    engine.stop()
    engine.start()


async def _sweep_multipart_uploads(node: Server) -> None:
    """Abort what killed processes left of objects, as the sweeper does with those that are a day old."""
    settings = {name: str(value) for name, value in node.store.settings().items()}
    location = S3Location.parse(settings["store"], endpoint=settings["s3_endpoint"])
    async with S3Client(location) as client:
        await abort_abandoned(client, seconds=0)


def _left(nodes: tuple[Server, Server]) -> list[str]:
    """Return what is left of unfinished uploads: objects, parts of objects, and what was on its way at the nodes."""
    store = nodes[0].store
    assert isinstance(store, ObjectStore)
    scratch = [path.name for node in nodes for path in (node.data / "scratch").rglob("*") if path.is_file()]
    return [*store.unfinished(), *store.assembled(), *store.rejected(), *store.multipart_uploads(), *scratch]


def _check_catalogue(node: Server, files: dict[str, dict[str, Any]]) -> None:
    """Assert that every upload has ended, and no row is left that only an unfinished upload has."""
    spooled = dict(node.database.rows("SELECT id, file_id FROM uploads WHERE state != 'cancelled'"))
    assert spooled == {upload_id: file["id"] for upload_id, file in files.items()}
    assert dict(node.database.rows("SELECT upload_id, id FROM files")) == spooled
    for left in ("slices", "covers", "uploads WHERE address IS NOT NULL"):
        assert node.database.rows(f"SELECT count(*) FROM {left}") == [(0,)], left
