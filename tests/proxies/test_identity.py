"""A proxy that signs people in, set up as the operator's page says, names them; their browsers cannot."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import encode_basic_auth

from tests.support.api import Api
from tests.support.proxies import Proxy, documented, nginx
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

PASSWORDS, LOCATION = "/etc/nginx/radio.htpasswd", "location / {"
NOBODY = f"""location /u/ {{ proxy_pass http://127.0.0.1:PORT; proxy_set_header Remote-User ""; }}\n{LOCATION}"""
KIM = {"Authorization": encode_basic_auth("kim", "secret")}


@pytest.fixture(scope="module")
def signing_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Proxy]]:
    """Yield nginx and a server that refuses every request in which the field arrives: it trusts another proxy."""
    folder = tmp_path_factory.mktemp("identity")
    passwords = folder / "htpasswd"
    passwords.write_text("kim:{PLAIN}secret\n")
    proxy = Proxy(folder)
    with ExitStack() as stack:
        settings: dict[str, Any] = {"identity_header": "Remote-User", "trusted_proxies": '["192.0.2.1"]'}
        server = stack.enter_context(Server(folder / "data", disk_reserve=0, public_url=proxy.url(), **settings))
        location = documented("nginx", 1).replace(PASSWORDS, str(passwords))
        location = location.replace(LOCATION, NOBODY.replace("PORT", str(server.port)))
        stack.enter_context(nginx(proxy, server.port, location))
        yield server, proxy


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/health", {}, 401),
        ("/health", {"Remote-User": "admin"}, 401),
        ("/health", KIM, 400),
        ("/health", {**KIM, "Remote_User": "admin"}, 400),
        ("/u/nowhere", {}, 404),
        ("/u/nowhere", {"Remote-User": "admin"}, 404),
        ("/u/nowhere", {"Remote_User": "admin"}, 404),
    ],
)
async def test_only_the_proxy_names_people(
    signing_in: tuple[Server, Proxy],
    session: aiohttp.ClientSession,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    server, proxy = signing_in
    answer = await Api(session, proxy.url(), server.token).get(path, headers=headers)
    assert answer.status == status
    if status == 400:
        assert answer.code == "identity_refused"
