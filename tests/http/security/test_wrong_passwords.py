"""A flood of wrong passwords: few of them are hashed, others sign in meanwhile, and fail2ban finds who sent them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.http.api.test_audit import entries, filter_of_fail2ban
from tests.support.api import Api
from tests.support.guests import new_link
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import Response

PASSWORD = "correct horse"  # a sample
WRONG = "wrong password no. {}"
ATTACKER = "192.0.2.66"
TRIES = 100
MOST_HASHED = 12
"""Ten, and what may pass before one receiver has heard of the other's."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield two receivers behind a proxy on this machine."""
    folder = tmp_path_factory.mktemp("passwords")
    proxies = '["127.0.0.1"]'
    with Server(
        folder / "data", workers=2, disk_reserve=0, log=folder / "log", trusted_proxies=proxies, anonymous="off"
    ) as server:
        yield server


def log_of(server: Server) -> Path:
    return server.data.parent / "log"


async def sign_in(api: Api, name: str, password: str, address: str) -> Response:
    body = {"name": name, "password": password}
    return await api.request("POST", "/session", json=body, headers={"X-Forwarded-For": address})


async def watch(server: Server, seconds: list[float]) -> None:
    """Ask for the health over and over, and note how long each answer took."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        while True:
            begun = time.perf_counter()
            async with session.get(f"{server.url}/health", headers={"Connection": "close"}) as response:
                assert response.status == 200
            seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(0.002)


async def test_flood_of_wrong_passwords_hinders_nobody_else(server: Server, session: aiohttp.ClientSession) -> None:
    api = Api(session, server.url, server.token)
    people = {"Kim": "", "Lee": "198.51.100.1", "Ada": "198.51.100.2", "Sam": "2001:db8::7"}
    for name in people:
        body = {"name": name, "role": "sender", "password": PASSWORD}
        assert (await api.request("POST", "/api/v1/people", json=body, headers=api.admin)).status == 201
    health: list[float] = []
    watching = asyncio.create_task(watch(server, health))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TRIES)) as many:
        flood = Api(many, server.url, "")
        names = ("Kim", "kim ", "KIM", "nobody")
        tries = [sign_in(flood, names[n % 4], WRONG.format(n), ATTACKER) for n in range(TRIES)]
        wrong = asyncio.gather(*tries)
        others = [await sign_in(api, name, PASSWORD, address) for name, address in people.items() if address]
        answers = await wrong
    # Also the right password waits where the wrong ones came from, and only there.
    blocked = await sign_in(api, "Kim", PASSWORD, ATTACKER)
    elsewhere = await sign_in(api, "Kim", PASSWORD, "198.51.100.3")
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    found = Counter(answer.code for answer in answers)
    slowest = sorted(health)[int(0.99 * len(health))]
    print(f"{dict(found)}; p99 of {len(health)} /health: {1000 * slowest:.1f} ms")
    assert [answer.status for answer in others] == [204] * 3
    assert (blocked.status, elsewhere.status) == (429, 204)
    assert int(blocked.headers["Retry-After"]) == blocked.body["retry_after"]
    assert set(found) == {"wrong_password", "too_many_requests"}
    # A hash was computed for each of the former, and for none of the latter.
    assert found["wrong_password"] <= MOST_HASHED
    lines = [line for line in log_of(server).read_text().splitlines() if '"sign_in_failed"' in line]
    assert len(lines) == found["wrong_password"]
    banned = [match["address"] for match in map(filter_of_fail2ban().search, lines) if match]
    assert banned == [ATTACKER] * len(lines)
    # Not what was typed: that may be a password.
    assert all('"account": "Kim"' in line or '"account": ""' in line for line in lines)


async def test_flood_of_invitations_hinders_nobody_else(server: Server, session: aiohttp.ClientSession) -> None:
    api, attacker = Api(session, server.url, server.token), {"X-Forwarded-For": "192.0.2.67"}
    body = {"name": "Eve", "role": "sender", "password": PASSWORD}
    assert (await api.request("POST", "/api/v1/people", json=body, headers=api.admin)).status == 201
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=TRIES)) as many:
        flood = Api(many, server.url, "")
        bodies = [{"invitation": f"ms_{n:043}", "password": PASSWORD} for n in range(TRIES)]
        wrong = asyncio.gather(*(flood.request("POST", "/session", json=body, headers=attacker) for body in bodies))
        others = [await sign_in(api, "Eve", PASSWORD, f"198.51.100.{n}") for n in range(4)]
        found = Counter(answer.code for answer in await wrong)
    assert [answer.status for answer in others] == [204] * 4
    assert set(found) == {"wrong_password", "too_many_requests"}
    assert found["wrong_password"] <= MOST_HASHED


async def test_attempt_against_a_person_stands_in_the_audit_trail(
    server: Server, session: aiohttp.ClientSession
) -> None:
    api, address = Api(session, server.url, server.token), "192.0.2.77"
    body = {"name": "Olga", "role": "sender", "password": PASSWORD}
    person = (await api.request("POST", "/api/v1/people", json=body, headers=api.admin)).body
    refused = await sign_in(api, "OLGA", "olgas secret", address)
    assert (refused.status, refused.code) == (401, "wrong_password")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="media-service"'
    (entry,) = await entries(api, f"action=sign_in_failed&subject=person:{person['id']}")
    assert (entry["subject"]["name"], entry["address"], entry["details"]) == ("Olga", address, {"count": 1})
    assert (await sign_in(api, "olgas secret", "x", "192.0.2.78")).status == 401
    assert "olgas secret" not in log_of(server).read_text()


async def test_wrong_passphrase_is_logged_as_a_failed_sign_in(server: Server, session: aiohttp.ClientSession) -> None:
    api, address = Api(session, server.url, server.token), "192.0.2.79"
    link = await new_link(api, title="Locked", passphrase=PASSWORD)
    for given in ("", "open sesame"):
        headers = {"Authorization": f"Bearer {link['token']}", "X-Forwarded-For": address, "Upload-Passphrase": given}
        new = {"filename": "a.mp3", "length": 100_000}
        refused = await api.request("POST", "/api/v1/uploads", json=new, headers=headers)
        assert (refused.status, refused.code) == (403, "passphrase_required")
    # Who sends none has not guessed.
    (entry,) = await entries(api, f"subject=link:{link['id']}&action=sign_in_failed")
    assert (entry["subject"]["name"], entry["address"]) == ("Locked", address)
    lines = [line for line in log_of(server).read_text().splitlines() if address in line]
    assert [bool(filter_of_fail2ban().search(line)) for line in lines] == [True]
    assert "open sesame" not in lines[0]
