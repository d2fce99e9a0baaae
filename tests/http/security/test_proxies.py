"""What a trusted proxy says of its clients counts, and what anyone else says does not."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from media_service.config.loading import InvalidSettings, load
from media_service.core.errors.requests import IdentityRefused
from media_service.http.security.proxies import TRUSTED_PROXIES, ProxyIdentity, TrustedProxies, client_address
from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.server import Server
from tests.support.wire import read_response, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUSTED = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"])
PROXY = "10.0.0.1"
CLIENT, SPOOFED = "192.0.2.1", "203.0.113.66"
MP3 = make_mp3(2, seed=16_401)

ADDRESSES = st.ip_addresses().map(str)
STRANGERS = ADDRESSES.filter(lambda address: not TRUSTED.trusts(address) and not address.startswith(("127.", "::")))
PROXIES = st.integers(0, 2**24 - 1).map(lambda number: f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
JUNK = st.text(st.characters(codec="latin-1", exclude_characters=","), max_size=30)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"{SPOOFED}, {CLIENT}"], CLIENT),
        (PROXY, [SPOOFED, CLIENT], CLIENT),
        (PROXY, [f"{SPOOFED},{CLIENT} , 10.2.3.4,127.0.0.1"], CLIENT),
        (PROXY, [f"unknown, {CLIENT}"], CLIENT),
        ("127.0.0.1", [CLIENT], CLIENT),
        ("::ffff:10.0.0.1", [CLIENT], CLIENT),
        ("2001:db8:aaaa::1", ["2001:db8::7"], "2001:db8::7"),
        (PROXY, ["[2001:db8::7]:443"], "2001:db8::7"),
        (PROXY, ["[2001:db8::7]"], "2001:db8::7"),
        (PROXY, [f"{CLIENT}:55012"], CLIENT),
        (PROXY, [f"::ffff:{CLIENT}"], CLIENT),
        # All of them are proxies: the first one sent the request itself.
        (PROXY, ["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        # Only the peer is known.
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, [f"{CLIENT}, unknown"], PROXY),
        (PROXY, [f"{CLIENT},"], PROXY),
        (PROXY, [f"{CLIENT}, _hidden"], PROXY),
        (PROXY, ["[2001:db8::7"], PROXY),
        (PROXY, ["192.0.2.1.5"], PROXY),
        (PROXY, ["127.0.0.1"], PROXY),
        (PROXY, ["::1"], PROXY),
        # The peer is not trusted.
        (CLIENT, [SPOOFED], CLIENT),
        (f"::ffff:{CLIENT}", [SPOOFED], CLIENT),
        ("127.0.0.2", [SPOOFED], "127.0.0.2"),
    ],
)
def test_client_of_a_request(peer: str, forwarded: list[str], client: str) -> None:
    assert TRUSTED.client_of(peer, forwarded) == client


def test_nobody_is_trusted_by_default() -> None:
    assert TrustedProxies().client_of("127.0.0.1", [CLIENT]) == "127.0.0.1"


@given(st.lists(STRANGERS | PROXIES | JUNK, max_size=40), STRANGERS, st.lists(PROXIES, max_size=10))
def test_what_stands_left_of_the_client_changes_nothing(sent: list[str], client: str, proxies: list[str]) -> None:
    assert TRUSTED.client_of(PROXY, [",".join([*sent, client, *proxies])]) == client
    assert TRUSTED.client_of(PROXY, [*sent, client, *proxies]) == client


@given(STRANGERS, st.lists(STRANGERS | PROXIES | JUNK, max_size=40))
def test_a_stranger_is_who_it_is_whatever_it_sends(peer: str, sent: list[str]) -> None:
    assert TRUSTED.client_of(peer, sent) == peer


@given(st.lists(ADDRESSES | JUNK, max_size=40), JUNK.filter(lambda text: not text.strip().replace(".", "").isdigit()))
def test_junk_from_a_proxy_never_becomes_an_address(sent: list[str], junk: str) -> None:
    client = TRUSTED.client_of(PROXY, [",".join([*sent, junk])])
    assert client == PROXY or ":" in junk


@given(st.lists(PROXIES, min_size=17, max_size=2_000))
def test_a_long_row_of_proxies_ends_at_one_of_them(proxies: list[str]) -> None:
    assert TRUSTED.client_of(PROXY, proxies) in proxies


NETWORK = "2001:db8:1:2::/64"


def from_peer(peer: str, *headers: tuple[str, str]) -> web.Request:
    app = web.Application()
    app[TRUSTED_PROXIES] = TRUSTED
    return make_mocked_request("GET", "/", CIMultiDict(headers), app=app).clone(remote=peer)


@pytest.mark.parametrize(("peer", "key"), [(PROXY, NETWORK), (CLIENT, CLIENT), ("2001:db8:1:2::9", NETWORK)])
def test_key_of_a_client_is_that_of_its_network(peer: str, key: str) -> None:
    assert client_address(from_peer(peer, ("X-Forwarded-For", "2001:db8:1:2:3::4"))) == key


def test_only_x_forwarded_for_is_read() -> None:
    fields = (("Forwarded", f"for={SPOOFED}"), ("X-Real-IP", SPOOFED), ("X-Forwarded", SPOOFED), ("Via", SPOOFED))
    assert client_address(from_peer(PROXY, *fields)) == PROXY


IDENTITY = ProxyIdentity("Remote-User", TRUSTED)


@pytest.mark.parametrize("name", ["kim", "Kim Min", "김민", "kim@radio.example"])
def test_a_trusted_proxy_names_the_person(name: str) -> None:
    assert IDENTITY.name(from_peer(PROXY, ("remote-user", f" {name} "))) == name


@pytest.mark.parametrize("headers", [(), (("Remote-User", ""),), (("Remote-User", "  "),), (("Remote-Users", "kim"),)])
def test_a_request_without_a_name_is_nobodys(headers: tuple[tuple[str, str], ...]) -> None:
    assert IDENTITY.name(from_peer(PROXY, *headers)) is None
    assert IDENTITY.name(from_peer(CLIENT, *headers[:0])) is None


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (CLIENT, [("Remote-User", "admin")]),
        (CLIENT, [("Remote-User", "")]),
        (CLIENT, [("Remote-User", "admin"), ("X-Forwarded-For", PROXY)]),
        (CLIENT, [("remote_user", "admin")]),
        (PROXY, [("Remote_User", "admin")]),
        (PROXY, [("REMOTE_USER", "")]),
        (PROXY, [("Remote-User", "kim"), ("Remote_User", "admin")]),
        (PROXY, [("Remote-User", "kim"), ("Remote-User", "kim")]),
        (PROXY, [("Remote-User", "kim"), ("remote-user", "")]),
        (PROXY, [("Remote-User", "kim, admin")]),
        (PROXY, [("Remote-User", "k\u202eim")]),
        (PROXY, [("Remote-User", "k" * 201)]),
    ],
)
def test_a_name_that_may_be_the_clients_own_is_refused(peer: str, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(IdentityRefused):
        IDENTITY.name(from_peer(peer, *headers))


def test_without_a_field_nobody_is_named() -> None:
    assert ProxyIdentity("", TRUSTED).name(from_peer(PROXY, ("Remote-User", "kim"))) is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"identity_header": "Remote-User"}, "set trusted_proxies to the proxy that adds it"),
        ({"identity_header": "Remote_User", "trusted_proxies": [PROXY]}, "without underscores"),
        ({"identity_header": "Remote User", "trusted_proxies": [PROXY]}, "without underscores"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "has host bits set"),
        ({"trusted_proxies": ["proxy.example"]}, "a network such as 10.0.0.0/8 is needed"),
    ],
)
def test_settings_that_would_trust_anyone_end_the_start(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        load(**settings)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts a proxy on this machine, with small rates, as each client has them."""
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
    assert (await api.send_all(upload["id"], MP3))["state"] == "spooled"


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
