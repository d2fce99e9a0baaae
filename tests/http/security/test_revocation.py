"""A credential that was revoked, or whose person was disabled: what is under way ends, nothing new begins anywhere."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.tree import receiver_of
from tests.support.api import Api
from tests.support.mp3 import make_frames
from tests.support.server import Server
from tests.support.wire import WireResponse, read_response, request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import aiohttp

PASSWORD = "correct horse"  # a sample
SLICE = 16 * 1024
IN_FLIGHT = 20
MP3 = make_frames(-(-IN_FLIGHT * SLICE // 417), seed=16_500)
EFFECTIVE_SECONDS = 1.0
"""Within which no process accepts the credential any more, as the API page says."""

NEW_UPLOAD = b'{"filename": "new.mp3", "length": 100000}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield two receivers that require an account."""
    folder = tmp_path_factory.mktemp("revocation") / "data"
    with Server(folder, workers=2, disk_reserve=0, anonymous="off", verdict_wait_slice=5) as server:
        yield server


class Lines:
    """One connection to each receiver."""

    def __init__(self, lines: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self._lines = lines

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> list[WireResponse]:
        """Return the answer of each receiver to this request."""
        answers = []
        for reader, writer in self._lines.values():
            writer.write(request(method, path, headers, body))
            answers.append(await read_response(reader))
        return answers

    async def create(self, headers: dict[str, str]) -> list[tuple[int, str | None]]:
        """Create an upload by each receiver; return status and WWW-Authenticate of each."""
        headers = {"Content-Type": "application/json"} | headers
        answers = await self.ask("POST", "/api/v1/uploads", headers, NEW_UPLOAD)
        return [(answer.status, answer["WWW-Authenticate"]) for answer in answers]


@asynccontextmanager
async def lines_to_all(server: Server) -> AsyncIterator[Lines]:
    """Yield a connection to each receiver. The kernel chooses who gets one, so there are attempts."""
    found: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
    spare = []
    try:
        async with asyncio.timeout(60):
            while len(found) < len(server.receivers):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(request("GET", "/health", {}))
                assert (await read_response(reader)).status == 200
                receiver = receiver_of(server, writer)
                spare.append(writer)
                if receiver is not None:
                    found.setdefault(receiver, (reader, writer))
        yield Lines(found)
    finally:
        for writer in spare:
            writer.close()


class Kim:
    """A person with a token and a session."""

    def __init__(self, api: Api, person: dict[str, Any], token: dict[str, Any], cookie: str) -> None:
        self.path = f"/api/v1/people/{person['id']}"
        self.token_path = f"/api/v1/tokens/{token['id']}"
        self.bearer = {"Authorization": f"Bearer {token['token']}"}
        self.session = {"Cookie": cookie}
        self.script = Api(api.session, api.url, "")
        self.script.headers = self.bearer


async def add_kim(api: Api, name: str) -> Kim:
    body = {"name": name, "role": "sender", "password": PASSWORD}
    person = (await api.request("POST", "/api/v1/people", json=body)).body
    token = {"name": "studio", "scopes": ["upload"], "expires_in": None, "owner": person["id"]}
    made = await api.request("POST", "/api/v1/tokens", json=token)
    assert made.status == 201, made
    signed_in = await api.request("POST", "/session", json={"name": name, "password": PASSWORD})
    return Kim(api, person, made.body, signed_in.headers["Set-Cookie"].partition(";")[0])


@pytest.fixture
def admin(server: Server, session: aiohttp.ClientSession) -> Api:
    api = Api(session, server.url, server.token)
    api.headers = api.admin
    return api


class Slices:
    """The slices of an upload, each sent up to its last kilobyte until `finish`."""

    def __init__(self, script: Api, upload_id: str) -> None:
        self._goes_on = asyncio.Event()
        self._begun = asyncio.Semaphore(0)
        offsets = range(0, len(MP3), SLICE)
        self._tasks = [asyncio.create_task(self._send(script, upload_id, offset)) for offset in offsets]

    async def begun(self) -> None:
        """Return when the server reads each of them."""
        for _ in self._tasks:
            await self._begun.acquire()

    async def finish(self) -> list[int]:
        """Send the rest of them; return the status of each."""
        self._goes_on.set()
        return list(await asyncio.gather(*self._tasks))

    async def _send(self, script: Api, upload_id: str, offset: int) -> int:
        data = MP3[offset : offset + SLICE]

        async def body() -> AsyncIterator[bytes]:
            yield data[:-1024]
            self._begun.release()
            await self._goes_on.wait()
            yield data[-1024:]

        headers = {"Content-Length": str(len(data)), "Expect": "100-continue"}
        return (await script.put(upload_id, offset, body(), **headers)).status


@pytest.mark.parametrize("way", ["revoked", "disabled"])
async def test_slices_in_flight_end_and_nothing_new_begins(server: Server, admin: Api, way: str) -> None:
    kim = await add_kim(admin, way)
    upload = await kim.script.create("show.mp3", len(MP3))
    async with lines_to_all(server) as lines:
        # Every receiver knows the credentials by now.
        assert [status for status, _ in await lines.create(kim.bearer) + await lines.create(kim.session)] == [201] * 4
        slices = Slices(kim.script, upload["id"])
        await slices.begun()
        if way == "revoked":
            assert (await admin.request("DELETE", kim.token_path)).status == 204
        else:
            assert (await admin.request("PATCH", kim.path, json={"disabled": True})).status == 200
        ended = time.monotonic()
        invalid = [(401, 'Bearer realm="media-service", error="invalid_token"')] * 2
        while await lines.create(kim.bearer) != invalid:
            await asyncio.sleep(0.01)
        print(f"{way}: refused by both receivers after {time.monotonic() - ended:.2f} s")
        await asyncio.sleep(EFFECTIVE_SECONDS - (time.monotonic() - ended))
        assert await lines.create(kim.bearer) == invalid
        signed_out = [(401, 'Bearer realm="media-service"')] * 2
        assert await lines.create(kim.session) == (signed_out if way == "disabled" else [(201, None)] * 2)
        assert await slices.finish() == [200] * len(range(0, len(MP3), SLICE))
    assert (await admin.ended(upload["id"]))["state"] == "spooled"


async def test_enabled_person_begins_anew(server: Server, admin: Api) -> None:
    kim = await add_kim(admin, "enabled")
    for disabled in (True, False):
        assert (await admin.request("PATCH", kim.path, json={"disabled": disabled})).status == 200
    await asyncio.sleep(EFFECTIVE_SECONDS)
    async with lines_to_all(server) as lines:
        for credentials in (kim.bearer, kim.session):
            assert [status for status, _ in await lines.create(credentials)] == [401, 401]
    again = await admin.request("POST", "/session", json={"name": "enabled", "password": PASSWORD})
    assert again.status == 204


@pytest.mark.parametrize("by", ["person", "admin"])
async def test_ended_session_is_ended_everywhere(server: Server, admin: Api, by: str) -> None:
    kim = await add_kim(admin, f"session, by {by}")
    async with lines_to_all(server) as lines:
        assert [status for status, _ in await lines.create(kim.session)] == [201, 201]
        if by == "person":
            browser = Api(admin.session, admin.url, "")
            assert (await browser.request("DELETE", "/session", headers=kim.session)).status == 204
        else:
            assert (await admin.request("DELETE", f"{kim.path}/sessions")).status == 204
        await asyncio.sleep(EFFECTIVE_SECONDS)
        assert [status for status, _ in await lines.create(kim.session)] == [401, 401]
        assert [status for status, _ in await lines.create(kim.bearer)] == [201, 201]
