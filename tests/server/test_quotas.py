"""Quotas over two receivers, and after every process was killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.catalogue.sqlite import usage_check
from media_service.core.usage import Usage
from media_service.storage.data_folder import DataFolder
from tests.server.tree import until_all_accept

if TYPE_CHECKING:
    from tests.support.server import Server

pytestmark = pytest.mark.slow

GIB = 1024**3
LIMITED = pytest.mark.parametrize("server", [{"bytes_max": "10GiB"}], indirect=True)
FULL = {"of": "service", "unit": "bytes", "limit": 10 * GIB, "used": 0, "reserved": 10 * GIB}


async def create(server: Server) -> int:
    """Announce 1 GiB over a connection of its own; return the status, 0 if the connection was cut."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.url}/api/v1/uploads", json={"filename": "a.mp3", "length": GIB}) as response,
        ):
            return response.status
    except aiohttp.ClientError:
        return 0


def usage_of_service(server: Server) -> Usage:
    """Return the sums, which must be what the rows add up to."""
    rows = usage_check.check(DataFolder(server.data).catalogue)
    assert all(row.is_right for row in rows)
    (service,) = [row.stored for row in rows if row.id == "service"]
    return service


async def refusals(server: Server) -> dict[str, tuple[int, Any]]:
    """Return status and problem of a creation in each dialect."""
    form = aiohttp.FormData()
    form.add_field("mp3", b"x", filename="a.mp3")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Metadata": "filename YS5tcDM="}
    json = {"Accept": "application/json"}
    requests: dict[str, tuple[str, str, dict[str, Any]]] = {
        "native": ("POST", "/api/v1/uploads", {"json": {"filename": "a.mp3", "length": 1}}),
        "native, no length": ("POST", "/api/v1/uploads", {"json": {"filename": "a.mp3"}}),
        "tus": ("POST", "/tus/", {"headers": tus | {"Upload-Length": "1"}}),
        "tus, no length": ("POST", "/tus/", {"headers": tus | {"Upload-Defer-Length": "1"}}),
        "rufh": ("PUT", "/rufh/a.mp3", {"data": b"x"}),
        "form": ("POST", "/upload", {"data": form, "headers": json}),
    }
    found = {}
    async with aiohttp.ClientSession() as session:
        for name, (method, path, more) in requests.items():
            async with session.request(method, server.url + path, **more) as response:
                found[name] = response.status, await response.json(content_type=None)
    return found


async def limits(server: Server) -> list[str]:
    """Return the size of the largest upload, as each dialect says it."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/api/v1/limits") as response:
            largest = (await response.json())["largest"]
        async with session.options(f"{server.url}/tus/") as response:
            tus = response.headers["Tus-Max-Size"]
        async with session.options(f"{server.url}/rufh/") as response:
            rufh = response.headers["Upload-Limit"].partition("max-size=")[2].partition(",")[0]
    return [str(largest), tus, rufh]


@LIMITED
async def test_fifty_creations_at_once_get_exactly_what_the_quota_has(server: Server) -> None:
    await asyncio.to_thread(until_all_accept, server)
    assert Counter(await asyncio.gather(*(create(server) for _ in range(50)))) == {201: 10, 413: 40}
    assert usage_of_service(server) == Usage(0, 0, 10, 10 * GIB)
    assert await limits(server) == ["0"] * 3
    for name, (status, problem) in (await refusals(server)).items():
        assert (status, problem["code"]) == (413, "quota_exceeded"), name
        assert {key: problem[key] for key in FULL} == FULL, name
        assert problem["needed"] == 1
    async with aiohttp.ClientSession() as session:
        admin = {"Authorization": f"Bearer {server.token}"}
        async with session.get(f"{server.url}/api/v1/uploads?scope=all", headers=admin) as response:
            upload = (await response.json())["uploads"][0]
        async with session.delete(f"{server.url}/api/v1/uploads/{upload['id']}", headers=admin) as response:
            assert response.status == 204
    assert await limits(server) == [str(GIB)] * 3
    assert await create(server) == 201


@LIMITED
async def test_sums_are_exact_after_every_process_was_killed_while_it_creates(server: Server) -> None:
    await asyncio.to_thread(until_all_accept, server)
    creations = [asyncio.create_task(create(server)) for _ in range(50)]
    done, _ = await asyncio.wait(creations, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) < 50
    for pid in (server.sidecar, server.pid, *server.working):
        os.kill(pid, signal.SIGKILL)
    outcomes = Counter(await asyncio.gather(*creations))
    await asyncio.to_thread(server.wait)
    await asyncio.to_thread(server.start)
    created = usage_of_service(server).reserved_files
    # Some were created whose response was lost.
    assert outcomes[201] <= created <= 10
    more = Counter(await asyncio.gather(*(create(server) for _ in range(20))))
    assert more[201] == 10 - created
    assert usage_of_service(server) == Usage(0, 0, 10, 10 * GIB)
