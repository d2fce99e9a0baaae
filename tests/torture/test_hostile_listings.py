"""No client can make the lists fail, slow down the service, or fill its memory."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.api import MIB, Api
from tests.support.memory import peak
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY = 300 * MIB
OTHERS_WAIT = 0.25
"""Limit in seconds of the 99th percentile of other requests."""

UPLOADS = 3000
CLIENTS = 8

LISTINGS = [
    "/api/v1/uploads?scope=all",
    "/api/v1/uploads?scope=all&full=1",
    "/api/v1/uploads?scope=all&state=receiving,rejected,spooled",
    "/api/v1/uploads?scope=all&limit=1",
    "/api/v1/quarantine",
    "/api/v1/quarantine?full=1",
    "/api/v1/files",
    "/api/v1/files?full=1",
    "/api/v1/files?sort=title",
]

LARGEST: dict[str, dict[str, Any]] = {
    # 255 chapters of 56 characters; characters that take four bytes each in memory; ones that take six in JSON.
    "chapters": {"chapters": [{"start": at, "title": f"{at:03}" + "x" * 53} for at in range(255)]},
    "wide": {"tags": dict.fromkeys(("title", "artist", "album", "genre"), "x" * 4070 + "😀")},
    "escaped": {"tags": dict.fromkeys(("title", "artist", "album", "genre", "lyrics"), "é" * 1600)},
}


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """Yield a new server, because its memory is measured."""
    with Server(data, disk_reserve=0, verdict_wait_slice=5) as server:
        yield server


@pytest.fixture
def own(server: Server, session: aiohttp.ClientSession) -> Api:
    return Api(session, server.url, server.token)


@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00+00:01",
    ],
)
async def test_an_invalid_date_is_refused_and_breaks_no_list(own: Api, moment: str) -> None:
    body = {"filename": "x.mp3", "length": 10, "last_modified": moment}
    response = await own.request("POST", "/api/v1/uploads", json=body)
    assert (response.status, response.code, response.body["field"]) == (400, "malformed", "last_modified")
    kept = await own.create("kept.mp3", 10, last_modified="9999-12-30T23:59:59.999999Z")
    assert kept["last_modified"] == "9999-12-30T23:59:59.999999Z"
    for listing in LISTINGS:
        assert (await own.get(listing, headers=own.admin)).status == 200


async def test_rows_of_another_version_break_no_list(server: Server, own: Api) -> None:
    spooled = await own.create("spooled.mp3", len(song := make_mp3(20, seed=71)))
    await own.send_all(spooled["id"], song)
    rejected = await own.create("rejected.mp3", 5000)
    await own.send_all(rejected["id"], b"words " * 833 + b"..")
    receiving = await own.create("receiving.mp3", 10)
    unknown = await own.create("unknown.mp3", 10)
    server.stop()
    with closing(sqlite3.connect(server.data / "catalogue.sqlite3")) as catalogue, catalogue:
        spoilt: dict[str, dict[str, Any]] = {
            receiving["id"]: {
                "last_modified": -(2**62),
                "tags": "{",
                "chapters": '[{"start": NaN}]',
                "sender": b"\xff",
            },
            rejected["id"]: {
                "verdict": json.dumps({"code": "from_the_future", "details": {}, "findings": [{"code": "new"}]}),
                "facts": '{"size": 1}',
                "created_at": 9 * 10**18,
            },
            spooled["id"]: {"facts": "[" * 100_000, "updated_at": "later", "cover": "[]", "review": "why"},
            unknown["id"]: {"state": "paused"},
        }
        for which, columns in spoilt.items():
            for column, value in columns.items():
                catalogue.execute(f"UPDATE uploads SET {column} = ? WHERE id = ?", (value, which))
        catalogue.execute(
            "UPDATE files SET findings = ?, audio = ?, more_tags = ?, chapters = 5, duration = 9e999, uploaded_at = ?,"
            " title = CAST(x'ff' AS TEXT), grade = 'platinum', sha256 = 'text'",
            ('[{"code": "new", "severity": "fatal"}]', '{"peak": 1e999}', "[1]", -(2**63)),
        )
    server.start()
    for listing in LISTINGS:
        response = await own.get(listing, headers=own.admin)
        assert response.status == 200, response
        assert json.loads(json.dumps(response.body, allow_nan=False)) == response.body
    everybody = (await own.get(LISTINGS[0], headers=own.admin)).body["uploads"]
    assert {upload["id"] for upload in everybody} == {spooled["id"], rejected["id"], receiving["id"]}
    shown = await own.show(rejected["id"])
    assert (shown["problem"]["code"], shown["problem"]["verdict"]) == ("unknown_verdict", "from_the_future")
    assert shown["findings"][0]["code"] == "new"
    response = await own.request("DELETE", f"/api/v1/uploads/{receiving['id']}")
    assert response.status == 204


async def test_no_dialect_accepts_more_than_16_kib_of_text(own: Api) -> None:
    korean = "밤" * 4000
    much = {"tags": {"lyrics": korean, "comment": korean}}
    response = await own.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 10, **much})
    assert (response.status, response.code, response.body["limit"]) == (400, "details_too_large", 16 * 1024)
    chapters = [{"start": at, "title": "x" * 100} for at in range(200)]
    response = await own.request(
        "POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 1, "chapters": chapters}
    )
    assert (response.status, response.code) == (400, "details_too_large")
    form = aiohttp.FormData({"lyrics": korean[:2700], "comment": korean[:2700], "description": korean[:2700]})
    form.add_field("mp3", make_mp3(5, seed=72), filename="a.mp3")
    response = await own.request("POST", "/upload", data=form)
    assert (response.status, response.code) == (400, "details_too_large")
    metadata = "filename YS5tcDM=,lyrics " + base64.b64encode(b"x" * 4000).decode()
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": metadata}
    response = await own.request("POST", "/tus/", headers=headers)
    assert response.status == 201
    upload_id = response.headers["Location"].rpartition("/")[2]
    response = await own.request("PATCH", f"/api/v1/uploads/{upload_id}", json={"tags": {"lyrics": korean}})
    assert (response.status, response.code) == (400, "details_too_large")
    assert (await own.show(upload_id))["tags"] == {"lyrics": "x" * 4000}


@pytest.mark.alone
@pytest.mark.parametrize("kind", LARGEST)
async def test_others_get_responses_while_8_clients_list(server: Server, own: Api, kind: str) -> None:
    await fill(server, own, LARGEST[kind])
    for query, most in (("limit=200", 4 * MIB), ("limit=20&full=1", MIB)):
        sizes: list[int] = []

        async def lists(query: str = query, sizes: list[int] = sizes) -> None:
            async with aiohttp.ClientSession() as session:
                for _ in range(4):
                    async with session.get(f"{server.url}/api/v1/uploads?{query}") as response:
                        sizes.append(len(await response.read()))
                        assert response.status == 200

        async with asyncio.TaskGroup() as group:
            listing = asyncio.gather(*(lists() for _ in range(CLIENTS)))
            waits = group.create_task(others(server, listing))
            await listing
        assert len(sizes) == 4 * CLIENTS
        assert max(sizes) < most
        assert sorted(waits.result())[int(len(waits.result()) * 0.99)] < OTHERS_WAIT
    assert peak(server.receiver) < MEMORY


async def test_3000_open_uploads_with_maximum_text_use_little_memory(server: Server, own: Api) -> None:
    ids = await fill(server, own, LARGEST["wide"])
    # A slice, even a refused one, loads the upload into memory.
    for first in range(0, len(ids), 50):
        some = ids[first : first + 50]
        responses = await asyncio.gather(*(own.put(upload_id, 10_000, b"x") for upload_id in some))
        assert {response.status for response in responses} == {400}
    assert peak(server.receiver) < MEMORY


async def fill(server: Server, own: Api, details: dict[str, Any]) -> list[str]:
    """Return the ids of 3,000 uploads, copies of one row: creating each would take minutes."""
    original = await own.create("largest.mp3", 1000, **details)
    server.stop()
    ids = [f"{number:022}" for number in range(UPLOADS)]
    with closing(sqlite3.connect(server.data / "catalogue.sqlite3")) as catalogue, catalogue:
        columns = [row[1] for row in catalogue.execute("PRAGMA table_info(uploads)") if row[1] != "id"]
        names = ", ".join(columns)
        catalogue.executemany(
            f"INSERT INTO uploads (id, {names}) SELECT ?, {names} FROM uploads WHERE id = ?",
            [(upload_id, original["id"]) for upload_id in ids],
        )
    server.start()
    return ids


async def others(server: Server, until: asyncio.Future[Any]) -> list[float]:
    """Return the seconds of each `/health` until then."""
    waits = []
    async with aiohttp.ClientSession() as session:
        while not until.done():
            began = time.perf_counter()
            async with session.get(f"{server.url}/health") as response:
                assert response.status == 200
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)
    return waits
