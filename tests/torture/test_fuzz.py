"""Whatever clients send, by the ten thousand: no 5xx, no traceback, nothing kept, and the service goes on.

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

from media_service.app import Service
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
"""Codes of 503 that many clients at once may hear: covers share a bound of memory."""

DESCRIPTORS = 6
"""Descriptors that may be open beside those after the first round: readers of the catalogue, and pipes of children."""

GROWTH = 40 * MIB
"""Bytes by which the process may grow after the first round: it remembers the 4,096 newest uploads, 6 KiB each."""

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
    # It is closed at once, as the count of descriptors shows, and the warning would look like a fault in the log.
    run = f'PYTHONWARNINGS="$PYTHONWARNINGS,ignore::ResourceWarning" exec "$@" 2>{log}'
    with Server(data, under=("sh", "-c", run, "sh"), **SETTINGS) as running:
        yield running


def routes(folder: Path) -> list[tuple[str, str]]:
    """Every route of the application, so that a new one is fuzzed too."""
    home = DataFolder(folder)
    home.make()
    found = Service(load(data_dir=folder), home, home.admin_token()).application().router.routes()
    return [(route.method, route.resource.canonical) for route in found if route.resource is not None]


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


async def cancel_all(api: Api) -> None:
    """Cancel every open upload, and wait for those that are being finished."""
    found: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(240):
            while found := await open_uploads(api):
                for upload in found:
                    answer = await api.request("DELETE", f"/api/v1/uploads/{upload['id']}", headers=api.admin)
                    assert answer.status in (204, 409), (answer, upload)
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"still open: {found[:5]}")


async def open_uploads(api: Api) -> list[dict[str, Any]]:
    answer = await api.get(f"/api/v1/uploads?scope=all&state={OPEN}&limit=100", headers=api.admin)
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.body["uploads"]
    return found


async def settled(server: Server) -> int:
    """Descriptors once their number has stood still for a second."""
    before, since = -1, 0
    while since < 10:
        now = descriptors(server)
        since = since + 1 if now == before else 0
        before = now
        await asyncio.sleep(0.1)
    return before


async def walk(api: Api, path: str) -> int:
    """Read a whole listing, and return how many it has."""
    count, page = 0, f"{path}?scope=all&limit=100"
    while page:
        answer = await api.get(page, headers=api.admin)
        assert answer.status == 200, answer
        (rows,) = (value for value in answer.body.values() if isinstance(value, list))
        count += len(rows)
        page = f"{path}?scope=all&limit=100&cursor={answer.body['next']}" if answer.body["next"] else ""
    return count


@pytest.mark.timeout(120 + REQUESTS // 20)
async def test_whatever_is_sent_the_service_goes_on(server: Server, log: Path, tmp_path: Path) -> None:
    print(f"FUZZ_SEED={SEED} FUZZ={REQUESTS}")
    fuzzer = Fuzzer(server.port, server.token, routes(tmp_path / "routes"), SEED, ALLOWED)
    held, size = 0, 0
    async with aiohttp.ClientSession() as session:
        api = Api(session, server.url, server.token)
        for number in range(ROUNDS):
            await fuzzer.run(REQUESTS // ROUNDS)
            await cancel_all(api)
            if number == 0:
                held, size = await settled(server), resident(server.pid)
        complain(fuzzer)
        assert await settled(server) <= held + DESCRIPTORS
        assert resident(server.pid) - size < GROWTH
        await check_health(api, server)
    check_log(log)


def complain(fuzzer: Fuzzer) -> None:
    """Fail with the first of each kind of failure."""
    kinds = {
        (failure.status, failure.code, failure.answer[:200]): failure for failure in reversed(fuzzer.tally.failures)
    }
    shown = "\n".join(map(repr, list(kinds.values())[:20]))
    assert not kinds, f"seed {SEED}: {len(fuzzer.tally.failures)} of {fuzzer.tally.requests} failed\n{shown}"


async def check_health(api: Api, server: Server) -> None:
    """Every listing can be read, nothing unfinished is left on the disk, and a file still gets in."""
    assert (await api.get("/health")).status == (await api.get("/ready")).status == 200
    counts = [await walk(api, path) for path in ("/api/v1/uploads", "/api/v1/files", "/api/v1/quarantine")]
    assert counts[0] > counts[1] > 0
    assert list(server.partials.iterdir()) == []
    whole = make_mp3(3, seed=13_999)
    upload = await api.create("after.mp3", len(whole))
    await api.send_all(upload["id"], whole)
    assert (await api.ended(upload["id"]))["state"] == "spooled"


def check_log(log: Path) -> None:
    """The log has one line of JSON for each event, no fault among them, and is short."""
    lines = log.read_text(errors="replace").splitlines()
    assert not [line for line in lines if "Traceback" in line]
    assert {json.loads(line)["level"] for line in lines} <= {"info", "warning"}
    assert log.stat().st_size < LOG * max(1, REQUESTS / 20_000)
