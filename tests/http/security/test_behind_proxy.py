"""A server behind a trusted proxy: limits are each client's own, and clients cannot name themselves."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.server import Server
from tests.support.wire import read_response, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator

SPOOFED = "203.0.113.66"
MP3 = make_mp3(2, seed=16_401)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that trusts a proxy on this machine, with small rates for each client."""
    folder = tmp_path_factory.mktemp("proxied") / "data"
    with Server(
        folder,
        disk_reserve=0,
        verdict_wait_slice=5,
        trusted_proxies='["127.0.0.1"]',
        identity_header="Remote-User",
        uploads_per_address=12,
        guest_creations_per_minute=2,
        unknown_ids_per_minute=1,
    ) as server:
        yield server


class Behind(Api):
    """The API as a client reaches it through the proxy."""

    def __init__(self, session: aiohttp.ClientSession, server: Server, address: str) -> None:
        super().__init__(session, server.url, server.token)
        self.headers = {"X-Forwarded-For": f"{SPOOFED}, {address}"}


CREATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "native": ("POST", "/api/v1/uploads", {"json": {"filename": "show.mp3", "length": 1_000}}),
    "tus": ("POST", "/tus/", {"headers": {"Tus-Resumable": "1.0.0", "Upload-Length": "1000"}}),
    "rufh": ("POST", "/rufh/", {"headers": {"Upload-Complete": "?0", "Upload-Length": "1000"}}),
    "form": ("POST", "/upload", {}),
}


def creation(dialect: str) -> dict[str, Any]:
    """Return the arguments of a request that creates an upload."""
    method, path, more = CREATIONS[dialect]
    if dialect == "form":
        form = aiohttp.FormData()
        form.add_field("mp3", io.BytesIO(b"not an MP3"), filename="show.mp3", content_type="audio/mpeg")
        more = {"data": form}
    return {"method": method, "path": path, **more}


@pytest.mark.parametrize("dialect", CREATIONS)
async def test_creations_are_limited_in_every_dialect_and_nothing_else_is(
    proxied: Server, session: aiohttp.ClientSession, dialect: str
) -> None:
    number = [*CREATIONS].index(dialect)
    api, other = (Behind(session, proxied, f"192.0.2.{host}") for host in (10 + number, 20 + number))
    uploads = [await api.create(length=len(MP3)) for _ in range(10)]
    refused = await api.request(**creation(dialect))
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) == refused.body["retry_after"] <= 30
    assert (await other.request(**creation(dialect))).status in (201, 202, 422)
    # What is under way goes on.
    upload_id = uploads[0]["id"]
    for path in (f"/api/v1/uploads/{upload_id}", f"/tus/{upload_id}", f"/rufh/{upload_id}"):
        head = await api.request("GET" if "api" in path else "HEAD", path, headers={"Tus-Resumable": "1.0.0"})
        assert head.status in (200, 204)
    assert (await api.put(upload_id, 0, MP3)).status == 200
    for upload in uploads[1:]:
        assert (await api.request("DELETE", f"/api/v1/uploads/{upload['id']}")).status == 204


async def test_one_address_asks_for_few_ids_that_do_not_exist(proxied: Server, session: aiohttp.ClientSession) -> None:
    api, other = (Behind(session, proxied, f"192.0.2.{host}") for host in (30, 31))
    paths = ["/api/v1/files/AAAAAAAAAAAAAAAAAAAAAA/content", "/api/v1/files/no-such-id/content"] * 6
    answers = [await api.get(path, headers=api.admin) for path in paths]
    assert [answer.status for answer in answers] == [404] * 10 + [429] * 2
    assert answers[-1].code == "too_many_requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert (await other.get(paths[0], headers=api.admin)).status == 404
    # Uploads that have gone are asked for by clients that resume.
    gone = "/api/v1/uploads/AAAAAAAAAAAAAAAAAAAAAA"
    assert {(await api.get(gone)).status for _ in range(15)} == {404}
    assert (await api.put("A" * 22, 0, b"x" * 20_000)).status == 404
    assert (await api.request("DELETE", gone)).status == 404
    upload = await api.create(length=len(MP3))
    file = (await api.send_all(upload["id"], MP3))["file"]
    # Files that were taken out of the spool are known.
    for name in proxied.store.names():
        proxied.store.remove(name)
    taken = [f"{file['url']}/content", f"{file['url']}/cover"] * 3
    assert {(await api.get(path, headers=api.admin)).status for path in taken} == {410}


async def test_open_uploads_are_counted_for_each_client(proxied: Server, session: aiohttp.ClientSession) -> None:
    api, other = (Behind(session, proxied, address) for address in ("2001:db8:1::1", "2001:db8:2::1"))
    # Each of them may create ten at once; a person at the same station has another address in the same network.
    neighbour = Behind(session, proxied, "2001:db8:1::2")
    for client in (api, neighbour) * 5:
        await client.create(length=1_000)
    assert (await neighbour.request(**creation("native"))).status == 429
    await other.create(length=1_000)


async def test_a_name_from_a_client_is_refused_on_every_path(proxied: Server) -> None:
    for path in ("/", "/health", "/api/v1/uploads/AAAAAAAAAAAAAAAAAAAAAA", "/static/no", "/nowhere"):
        message = request("GET", path, {"Host": f"127.0.0.1:{proxied.port}", "Remote_User": "admin"})
        answer = await send(proxied.port, message)
        assert (answer.status, answer.json["code"]) == (400, "identity_refused"), path
    twice = request("GET", "/health", {"Host": f"127.0.0.1:{proxied.port}", "Remote-User": "kim"})
    twice = twice.replace(b"Remote-User: kim\r\n", b"Remote-User: kim\r\nremote-user: admin\r\n")
    assert (await send(proxied.port, twice)).status == 400
    unreadable = request("GET", "/health", {"Host": f"127.0.0.1:{proxied.port}", "Remote-User": "kim"})
    assert (await send(proxied.port, unreadable.replace(b": kim", b": kim\xff"))).status == 400
    once = request("GET", "/health", {"Host": f"127.0.0.1:{proxied.port}", "Remote-User": "kim"})
    assert (await send(proxied.port, once)).status == 200


async def test_a_name_from_another_peer_is_refused(proxied: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied.port, local_addr=("127.0.0.5", 0))
    writer.write(request("GET", "/health", {"Host": f"127.0.0.1:{proxied.port}", "Remote-User": "kim"}))
    answer = await read_response(reader)
    writer.close()
    assert (answer.status, answer.json["code"]) == (400, "identity_refused")


async def test_scheme_and_host_never_come_from_a_proxys_fields(proxied: Server, session: aiohttp.ClientSession) -> None:
    api = Behind(session, proxied, "192.0.2.40")
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    created = await api.request("POST", "/api/v1/uploads", json={"filename": "x.mp3"}, headers=forwarded)
    assert created.headers["Location"].startswith("/api/v1/uploads/")
    page = await api.get("/", headers=forwarded)
    assert "Secure" not in page.headers["Set-Cookie"]
    refused = await api.request(**creation("native"), headers=forwarded | {"Origin": "https://evil.example"})
    assert refused.code == "forbidden_origin"
