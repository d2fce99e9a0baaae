"""Only same-origin pages may send, behind any proxy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from media_service.config.loading import load
from tests.support.server import Server
from tests.support.wire import WireResponse, request, send

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC = "https://radio.example:8443/media"
PAGE = "https://radio.example:8443"

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with `public_url`, from which it takes its base path."""
    data = tmp_path_factory.mktemp("public") / "data"
    with Server(data, disk_reserve=0, interim_responses=True, public_url=f"{PUBLIC}/", base_path="/media") as server:
        yield server


async def create(server: Server, base: str = "", **headers: str) -> WireResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"filename": "show.mp3", "length": 10}).encode()
    fields = {"Content-Type": "application/json", **named}
    return await send(server.port, request("POST", f"{base}/api/v1/uploads", fields, body))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # Proxies that rewrite Host: Sec-Fetch-Site decides, which no page can set.
        ({"Sec_Fetch_Site": "same-origin", "Origin": "https://radio.example"}, 201),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "null"}, 201),
        ({"Sec_Fetch_Site": "same-origin", "Host": "evil.example"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "SAME-ORIGIN"}, 403),
        ({"Sec_Fetch_Site": "none", "Origin": "https://evil.example"}, 403),
        ({"Sec_Fetch_Site": "none"}, 201),
        # Browsers without Sec-Fetch-Site, and plain HTTP.
        ({"Origin": "http://127.0.0.1"}, 201),
        ({"Origin": "https://127.0.0.1"}, 201),
        ({"Origin": "https://127.0.0.1", "Host": "127.0.0.1:443"}, 201),
        ({"Origin": "http://localhost", "Host": "LocalHost."}, 201),
        ({"Origin": "http://localhost:8080", "Host": "localhost:8080"}, 201),
        ({"Origin": "http://localhost:8080", "Host": "localhost"}, 403),
        ({"Origin": "http://localhost", "Host": "localhost:8080"}, 403),
        ({"Origin": "http://[::1]:8080", "Host": "[::1]:8080"}, 201),
        ({"Origin": "ftp://127.0.0.1"}, 403),
        ({"Origin": "//127.0.0.1"}, 403),
        ({"Origin": "127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Origin": "http://127.0.0.1@evil.example"}, 403),
    ],
)
async def test_only_same_origin_pages_may_send(shared_server: Server, headers: dict[str, str], status: int) -> None:
    assert (await create(shared_server, **headers)).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": PAGE}, 201),
        ({"Origin": PAGE, "Host": "radio.example:8443"}, 201),
        ({"Origin": PAGE, "Host": "radio.example"}, 201),
        ({"Origin": "https://RADIO.example:8443", "Host": "Radio.Example.:8443"}, 201),
        # The scheme is known: a page over plain HTTP may be modified by an attacker.
        ({"Origin": "http://radio.example:8443", "Host": "radio.example:8443"}, 403),
        ({"Origin": "http://radio.example", "Host": "127.0.0.1"}, 403),
        ({"Origin": "https://radio.example", "Host": "127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1"}, 201),
        ({"Host": "evil.example"}, 403),
    ],
)
async def test_public_url_is_same_origin_too(public: Server, headers: dict[str, str], status: int) -> None:
    assert (await create(public, "/media", **headers)).status == status


async def test_locations_are_absolute_if_public_url_is_set(public: Server) -> None:
    created = await create(public, "/media")
    assert created.location == f"{PUBLIC}/api/v1/uploads/{created.json['id']}"
    tus = await send(public.port, request("POST", "/media/tus", {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}, b""))
    assert tus.location.startswith(f"{PUBLIC}/tus/")
    fields = {"Upload-Draft-Interop-Version": "8", "Upload-Complete": "?0", "Upload-Length": "50"}
    draft = await send(public.port, request("POST", "/media/rufh/", fields, b"12345"))
    assert draft.location.startswith(f"{PUBLIC}/rufh/")
    assert draft.interim[0].location == draft.location


async def test_locations_are_paths_without_public_url(shared_server: Server) -> None:
    created = await create(shared_server)
    assert created.location == f"/api/v1/uploads/{created.json['id']}"


async def test_hsts_is_sent_only_if_public_url_is_https(public: Server, shared_server: Server) -> None:
    name = "Strict-Transport-Security"
    for server, base, wanted in ((public, "/media", "max-age=31536000"), (shared_server, "", None)):
        assert (await send(server.port, request("GET", f"{base}/health", {})))[name] == wanted
        assert (await send(server.port, request("GET", f"{base}/nothing", {})))[name] == wanted


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://radio.example", "radio.example", "https://", "https://u@radio.example", "https://radio.example?x"),
        *("https://radio.example/#x", "https://radio.example:0", "https://radio.example:99999", "https://r.e/a b"),
        *("https://r.e/\n", "https://[::", "//radio.example"),
    ],
)
def test_invalid_public_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="--public-url cannot be used"):
        load(public_url=url)


def test_the_base_path_is_that_of_the_public_url() -> None:
    settings = load(public_url="https://Radio.Example/media/")
    assert (settings.public_url, settings.base_path) == ("https://radio.example/media", "/media")
    assert load(public_url="https://radio.example", base_path="/").base_path == ""
    with pytest.raises(ValueError, match="path of public_url"):
        load(public_url="https://radio.example/media", base_path="/other")
