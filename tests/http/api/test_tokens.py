"""API tokens over HTTP: what they permit, who may make and revoke them, and how soon they end."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.http.api.test_people import PASSWORD, add, signed_in
from tests.support.api import Api

if TYPE_CHECKING:
    from tests.support.api import Response

TOKENS = "/api/v1/tokens"
SECOND = 1.0


async def make(client: Api, **more: Any) -> Response:
    body = {"name": "studio", "scopes": ["upload"], "expires_in": 3600} | more
    return await client.request("POST", TOKENS, json=body)


def script(api: Api, token: str) -> Api:
    """Return a client that sends this token."""
    client = Api(api.session, api.url, api.token)
    client.headers = {"Authorization": f"Bearer {token}"}
    return client


async def test_token_is_shown_once_and_acts_for_its_owner(api: Api) -> None:
    person = await add(api, password=PASSWORD, role="editor", collections="all")
    browser = await signed_in(api, person)
    made = await make(browser, scopes=["read", "upload"])
    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    token = made.body["token"]
    listed = (await browser.get(TOKENS)).body["tokens"]
    assert listed == [{name: value for name, value in made.body.items() if name != "token"}]
    assert listed[0]["owner"] == {"id": person["id"], "name": person["name"]}
    assert listed[0]["scopes"] == ["upload", "read"]
    client = script(api, token)
    assert (await client.get("/api/v1/files")).status == 200
    upload = await client.create("mine.mp3", 1000)
    assert (await browser.get(f"/api/v1/uploads/{upload['id']}")).body["mine"]
    basic = base64.b64encode(f"x:{token}".encode()).decode()
    assert (await api.get("/api/v1/files", headers={"Authorization": f"Basic {basic}"})).status == 200


async def test_token_permits_no_more_than_its_scopes(api: Api) -> None:
    browser = await signed_in(api, await add(api, password=PASSWORD, role="editor"))
    client = script(api, (await make(browser)).body["token"])
    refused = await client.get("/api/v1/files")
    assert (refused.status, refused.code, refused.body["needed"]) == (403, "insufficient_scope", "read")
    assert 'scope="read"' in refused.headers["WWW-Authenticate"]


async def test_token_has_no_more_than_its_owner_also_after_a_demotion(api: Api) -> None:
    person = await add(api, password=PASSWORD, role="editor")
    browser = await signed_in(api, person)
    refused = await make(browser, scopes=["admin"])
    assert (refused.status, refused.body["needed"]) == (403, "admin")
    client = script(api, (await make(browser, scopes=["read"])).body["token"])
    await api.request("PATCH", f"/api/v1/people/{person['id']}", headers=api.admin, json={"role": "sender"})
    await asyncio.sleep(0.6)
    assert (await client.get("/api/v1/files")).status == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["all"]}, "scopes"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": "1"}, "expires_in"),
        ({"token": "x"}, "token"),
    ],
)
async def test_unusable_token_is_malformed(api: Api, body: dict[str, Any], field: str) -> None:
    browser = await signed_in(api, await add(api, password=PASSWORD))
    response = await make(browser, **body)
    assert (response.status, response.code) == (400, "malformed")
    assert response.body["field"].startswith(field)


async def test_script_makes_no_token_and_revokes_only_its_own(api: Api) -> None:
    browser = await signed_in(api, await add(api, password=PASSWORD))
    own, other = (await make(browser)).body, (await make(browser)).body
    client = script(api, own["token"])
    for attempt in (
        make(client),
        client.get(TOKENS),
        client.get("/api/v1/sessions"),
        client.request("DELETE", f"{TOKENS}/{other['id']}"),
    ):
        refused = await attempt
        assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert (await client.request("DELETE", f"{TOKENS}/{own['id']}")).status == 204
    assert [token["revoked_at"] is None for token in (await browser.get(TOKENS)).body["tokens"]] == [True, False]


async def test_token_of_another_is_unknown(api: Api) -> None:
    mine = (await make(await signed_in(api, await add(api, password=PASSWORD)))).body
    stranger = await signed_in(api, await add(api, password=PASSWORD))
    refused = await stranger.request("DELETE", f"{TOKENS}/{mine['id']}")
    assert (refused.status, refused.code) == (404, "unknown_token")
    assert (await stranger.get(f"{TOKENS}?owner=all")).status == 403
    assert (await stranger.get(TOKENS)).body["tokens"] == []


async def test_revoked_token_creates_nothing_within_a_second(api: Api) -> None:
    browser = await signed_in(api, await add(api, password=PASSWORD))
    made = (await make(browser)).body
    client = script(api, made["token"])
    upload = await client.create("begun.mp3", 200_000)
    assert (await browser.request("DELETE", f"{TOKENS}/{made['id']}")).status == 204
    await asyncio.sleep(SECOND)
    # The server has two processes: both must know.
    for _ in range(8):
        refused = await client.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 5})
        assert (refused.status, refused.code) == (401, "invalid_token")
    assert (await api.put(upload["id"], 0, bytes(100_000))).status == 200


async def test_admins_make_list_and_revoke_tokens_of_others(api: Api) -> None:
    person = await add(api)
    admin = script(api, api.token)
    nobodys = await make(admin)
    assert (nobodys.status, nobodys.body["field"]) == (400, "owner")
    made = await make(admin, owner=person["id"], expires_in=None)
    assert (made.status, made.body["expires_at"]) == (201, None)
    assert (await make(admin, owner=person["id"], scopes=["read"])).status == 403
    assert (await make(admin, owner="x" * 22)).code == "unknown_person"
    for owner in ("all", person["id"]):
        listed = (await admin.get(f"{TOKENS}?owner={owner}")).body["tokens"]
        assert made.body["id"] in [token["id"] for token in listed]
    assert (await admin.get(TOKENS)).body["tokens"] == []
    assert (await admin.request("DELETE", f"{TOKENS}/{made.body['id']}")).status == 204


async def test_nobody_has_no_tokens_and_sessions(api: Api) -> None:
    for path in (TOKENS, "/api/v1/sessions"):
        assert (await api.get(path)).status == 401
