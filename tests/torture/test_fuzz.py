"""Tens of thousands of malformed requests: no 5xx, no traceback, no leak, and the service still works.

`FUZZ` is the number of requests, `FUZZ_SEED` the seed that a failure prints.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.app import Receiver
from media_service.config.loading import load
from media_service.storage.data_folder import DataFolder
from tests.support.api import MIB, Api
from tests.support.fuzz import Fuzzer
from tests.support.memory import resident
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS = int(os.environ.get("FUZZ", "8000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUNDS = 4
ALLOWED = frozenset({"covers_busy"})
"""Codes of 503 that are expected: covers share a limit of memory."""

DESCRIPTORS = 10
"""Descriptors that may be opened after the first round: of the catalogue, of a tag worker, of locks."""

GROWTH = 40 * MIB
"""Bytes by which the process may grow after the first round: it caches the 4,096 newest uploads, 6 KiB each."""

LOG = 1_000_000
"""Bytes of log for 20,000 requests."""

SETTINGS: dict[str, Any] = {
    "disk_reserve": 0,
    "file_limit": 20 * MIB,
    "slice_limit": MIB,
    "idle_timeout": 1,
    "verdict_wait_slice": 0.2,
    "verdict_wait_form": 2,
    "verdict_wait_append": 0.5,
    "interim_responses": True,
    "allowed_origins": '["https://radio.example"]',
}
OPEN = "receiving,received,verified"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def server(data: Path, log: Path) -> Iterator[Server]:
    # A request that is cancelled while its file is opened leaves the file to the garbage collector, inside aiohttp too.
    # It is closed at once, as the number of descriptors shows; the warning would look like an error in the log.
    run = f'PYTHONWARNINGS="$PYTHONWARNINGS,ignore::ResourceWarning" exec "$@" 2>{log}'
    with Server(data, under=("sh", "-c", run, "sh"), **SETTINGS) as running:
        yield running


def routes(folder: Path) -> list[tuple[str, str]]:
    """Return every route of the application, so that a new one is fuzzed too."""
    home = DataFolder(folder)
    home.make()
    found = Receiver(load(data_dir=folder), home, home.admin_token()).application().router.routes()
    return [(route.method, route.resource.canonical) for route in found if route.resource is not None]


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.receiver}/fd").iterdir()))


async def cancel_all(api: Api) -> None:
    """Cancel every open upload, and wait for those that are being finalized."""
    found: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(240):
            while found := await open_uploads(api):
                for upload in found:
                    response = await api.request("DELETE", f"/api/v1/uploads/{upload['id']}", headers=api.admin)
                    assert response.status in (204, 409), (response, upload)
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"still open: {found[:5]}")


async def open_uploads(api: Api) -> list[dict[str, Any]]:
    response = await api.get(f"/api/v1/uploads?scope=all&state={OPEN}&limit=100", headers=api.admin)
    assert response.status == 200, response
    found: list[dict[str, Any]] = response.body["uploads"]
    return found


async def settled(server: Server) -> int:
    """Return the number of descriptors once it is stable for a second."""
    before, since = -1, 0
    while since < 10:
        now = descriptors(server)
        since = since + 1 if now == before else 0
        before = now
        await asyncio.sleep(0.1)
    return before


async def walk(api: Api, path: str) -> int:
    """Read all pages of a list, and return its length."""
    count, page = 0, f"{path}?scope=all&limit=100"
    while page:
        response = await api.get(page, headers=api.admin)
        assert response.status == 200, response
        (rows,) = (value for value in response.body.values() if isinstance(value, list))
        count += len(rows)
        page = f"{path}?scope=all&limit=100&cursor={response.body['next']}" if response.body["next"] else ""
    return count


@pytest.mark.timeout(120 + REQUESTS // 20)
async def test_no_request_breaks_the_service(server: Server, log: Path, tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED} FUZZ={REQUESTS}")
    fuzzer = Fuzzer(server.port, server.token, routes(tmp_path / "routes"), SEED, ALLOWED)
    held, size = 0, 0
    async with aiohttp.ClientSession() as session:
        api = Api(session, server.url, server.token)
        for number in range(ROUNDS):
            await fuzzer.run(REQUESTS // ROUNDS)
            await cancel_all(api)
            if number == 0:
                held, size = await settled(server), resident(server.receiver)
        complain(fuzzer)
        assert await settled(server) <= held + DESCRIPTORS
        assert resident(server.receiver) - size < GROWTH
        await check_health(api, server)
    check_log(log)


def complain(fuzzer: Fuzzer) -> None:
    """Fail with the first of each kind of failure."""
    kinds = {
        (failure.status, failure.code, failure.response[:200]): failure for failure in reversed(fuzzer.tally.failures)
    }
    shown = "\n".join(map(repr, list(kinds.values())[:20]))
    assert not kinds, f"seed {SEED}: {len(fuzzer.tally.failures)} of {fuzzer.tally.requests} failed\n{shown}"


async def check_health(api: Api, server: Server) -> None:
    """Assert that every list can be read, no partial is left, and a file can be uploaded."""
    assert (await api.get("/health")).status == (await api.get("/ready")).status == 200
    counts = [await walk(api, path) for path in ("/api/v1/uploads", "/api/v1/files", "/api/v1/quarantine")]
    assert counts[0] > counts[1] > 0
    assert list(server.partials.iterdir()) == []
    whole = make_mp3(3, seed=13_999)
    upload = await api.create("after.mp3", len(whole))
    await api.send_all(upload["id"], whole)
    assert (await api.ended(upload["id"]))["state"] == "spooled"


def check_log(log: Path) -> None:
    """Assert that the log is short JSON lines without errors."""
    lines = log.read_text(errors="replace").splitlines()
    assert not [line for line in lines if "Traceback" in line]
    assert {json.loads(line)["level"] for line in lines} <= {"info", "warning"}
    assert log.stat().st_size < LOG * max(1, REQUESTS / 20_000)
