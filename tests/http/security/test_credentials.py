"""What tokens permit once something about them or their owner has changed, and persons whom a proxy names."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.http.api.test_audit import entries, noted
from tests.http.api.test_people import PASSWORD, PEOPLE, add, signed_in
from tests.http.api.test_tokens import TOKENS, make, script
from tests.support.api import Api
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN_SECONDS = 0.6
"""After which no process uses what it has read of a credential before."""

INVALID = 'Bearer realm="media-service", error="invalid_token"'
UPLOADS, FILES, ME = "/api/v1/uploads", "/api/v1/files", "/api/v1/me"


async def test_token_ends_when_it_expires(api: Api) -> None:
    browser = await signed_in(api, await add(api, password=PASSWORD))
    short, long = [script(api, (await make(browser, expires_in=seconds)).body["token"]) for seconds in (1, 60)]
    assert [(await client.get(ME)).body["signed_in"] for client in (short, long)] == [True, True]
    await asyncio.sleep(1.1)
    refused = await short.get(UPLOADS)
    assert (refused.status, refused.code, refused.headers["WWW-Authenticate"]) == (401, "invalid_token", INVALID)
    assert (await short.get(ME)).body["signed_in"] is False
    assert (await long.get(UPLOADS)).status == 200


@pytest.mark.parametrize("credentials", ["Bearer nonsense", "Bearer", "Basic eDp5", "Basic !", "bearer ms_", "Basic"])
async def test_wrong_credentials_are_an_invalid_token_and_never_a_challenge_for_a_password(
    api: Api, credentials: str
) -> None:
    # Without credentials this machine may upload; with wrong ones nobody may.
    assert (await api.get(UPLOADS)).status == 200
    for path in (UPLOADS, FILES):
        refused = await api.get(path, headers={"Authorization": credentials})
        assert (refused.status, refused.code, refused.headers["WWW-Authenticate"]) == (401, "invalid_token", INVALID)


async def test_basic_password_is_a_token_with_any_user_name(api: Api) -> None:
    browser = await signed_in(api, await add(api, password=PASSWORD, role="editor"))
    token = (await make(browser, scopes=["read"])).body["token"]
    for user in ("", "x", "Kim"):
        basic = {"Authorization": aiohttp.encode_basic_auth(user, token)}
        assert (await api.get(FILES, headers=basic)).status == 200
        refused = await api.request("POST", "/api/v1/links", json={"title": "A"}, headers=basic)
        assert (refused.status, refused.body["needed"]) == (403, "links")
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="links"'


async def test_token_of_a_demoted_person_has_the_scopes_of_both(api: Api) -> None:
    person = await add(api, password=PASSWORD, role="editor", collections="all")
    browser = await signed_in(api, person)
    client = script(api, (await make(browser, scopes=["read", "upload"])).body["token"])
    scopes = []
    for role in ("editor", "sender", "admin"):
        await api.request("PATCH", f"{PEOPLE}/{person['id']}", headers=api.admin, json={"role": role})
        await asyncio.sleep(KNOWN_SECONDS)
        scopes.append((await client.get(ME)).body["scopes"])
    assert scopes == [["read", "upload"], ["upload"], ["read", "upload"]]


async def test_token_for_a_collection_ends_there_with_its_owners_grant(api: Api) -> None:
    mine, other = (f"show-{secrets.token_hex(6)}" for _ in range(2))
    for slug in (mine, other):
        body = {"slug": slug, "title": slug}
        assert (await api.request("POST", "/api/v1/collections", headers=api.admin, json=body)).status == 201
    person = await add(api, password=PASSWORD, role="editor", collections=[mine, other])
    browser = await signed_in(api, person)
    client = script(api, (await make(browser, scopes=["read", "upload"], collection=mine)).body["token"])
    new: dict[str, Any] = {"filename": "a.mp3", "length": 100_000}
    assert (await client.request("POST", UPLOADS, json=new)).body["collection"] == mine
    refused = await client.request("POST", UPLOADS, json=new | {"collection": other})
    assert (refused.status, refused.code) == (404, "unknown_collection")
    assert [one["slug"] for one in (await client.get(ME)).body["collections"]] == [mine]
    await api.request("PATCH", f"{PEOPLE}/{person['id']}", headers=api.admin, json={"collections": [other]})
    await asyncio.sleep(KNOWN_SECONDS)
    assert (await client.get(ME)).body["collections"] == []
    for body in (new, new | {"collection": mine}):
        refused = await client.request("POST", UPLOADS, json=body)
        assert (refused.status, refused.code) == (404, "unknown_collection")


async def test_what_is_done_with_people_tokens_and_sessions_is_noted(api: Api) -> None:
    person = await add(api, password=PASSWORD)
    path, owner = f"{PEOPLE}/{person['id']}", f"person:{person['id']}"
    browser = await signed_in(api, person)
    token = (await make(browser)).body["id"]
    assert (await browser.request("DELETE", f"{TOKENS}/{token}")).status == 204
    assert (await browser.request("DELETE", f"{TOKENS}/{token}")).status == 204
    (session,) = (await browser.get("/api/v1/sessions")).body["sessions"]
    assert (await browser.request("DELETE", f"/api/v1/sessions/{session['id']}")).status == 204
    for method, more, body in (
        ("PATCH", "", {"role": "editor"}),
        ("PATCH", "", {"name": ""}),
        ("POST", "/invitation", None),
        ("DELETE", "/sessions", None),
    ):
        await api.request(method, path + more, headers=api.admin, json=body)
    done = ("done",)
    assert await noted(api, token) == [("token_made", *done), ("token_revoked", *done)]
    assert await noted(api, session["id"]) == [("session_ended", *done)]
    of_person = ["person_added", "person_changed", "invitation_made", "session_ended"]
    assert await noted(api, owner) == [(action, *done) for action in of_person]
    own = [entry["action"] for entry in await entries(api, f"actor={owner}")]
    assert own == ["session_ended", "token_revoked", "token_made", "sign_in"]
    assert (await api.request("DELETE", f"{path}?files=delete", headers=api.admin)).status == 204
    assert (await noted(api, owner))[-1] == ("person_erased", "done")
    assert person["name"] not in str(await entries(api, "limit=200"))


@pytest.fixture(scope="module", params=["refuse", "sender"])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """Yield a server behind a proxy that signs people in, and the setting for names that nobody has."""
    settings: dict[str, Any] = {"trusted_proxies": '["127.0.0.1"]', "identity_header": "Remote-User"}
    settings |= {"anonymous": "off", "identity_unknown": request.param, "disk_reserve": 0}
    with Server(tmp_path_factory.mktemp("identity") / "data", **settings) as server:
        yield server, request.param


async def test_person_whom_the_proxy_names_needs_nothing_else(
    behind: tuple[Server, str], session: aiohttp.ClientSession
) -> None:
    api = Api(session, behind[0].url, behind[0].token)
    person = await add(api, role="editor")
    named = Api(session, api.url, "")
    named.headers = {"Remote-User": person["name"].upper()}
    me = (await named.get(ME)).body
    assert (me["kind"], me["id"], me["name"], me["role"]) == ("person", person["id"], person["name"], "editor")
    upload = await named.create("mine.mp3", 100_000)
    assert (await api.get(f"{UPLOADS}/{upload['id']}", headers={})).body["mine"] is False
    assert (await named.get(f"{UPLOADS}/{upload['id']}")).body["mine"] is True
    token = await make(named, scopes=["read"])
    assert token.status == 201
    # A token that is presented counts, not the name.
    assert (await named.get(ME, headers={"Authorization": f"Bearer {token.body['token']}"})).body["scopes"] == ["read"]
    await api.request("PATCH", f"{PEOPLE}/{person['id']}", headers=api.admin, json={"disabled": True})
    refused = await named.get(UPLOADS)
    assert (refused.status, refused.code) == (401, "unauthorized")
    assert (await api.get(TOKENS)).status == 401


async def test_name_that_nobody_has_is_refused_or_becomes_a_sender(
    behind: tuple[Server, str], session: aiohttp.ClientSession
) -> None:
    server, unknown = behind
    api = Api(session, server.url, server.token)
    stranger = Api(session, server.url, "")
    stranger.headers = {"Remote-User": "New Voice"}
    answers = await asyncio.gather(*(stranger.get(ME) for _ in range(8)))
    people = (await api.get(PEOPLE, headers=api.admin)).body["people"]
    found = [person for person in people if person["name"] == "New Voice"]
    added = (await api.get("/api/v1/audit?action=person_added&q=voice", headers=api.admin)).body["entries"]
    if unknown == "refuse":
        assert {(answer.status, answer.code) for answer in answers} == {(401, "unauthorized")}
        assert (found, added) == ([], [])
        return
    (person,), (entry,) = found, added
    assert {answer.body["id"] for answer in answers} == {person["id"]}
    assert (person["role"], person["has_password"], answers[0].body["scopes"]) == ("sender", False, ["upload"])
    assert (entry["subject"]["name"], entry["actor"], entry["address"]) == ("New Voice", None, "127.0.0.1")
    await stranger.create("mine.mp3", 100_000)
    assert (await stranger.get(FILES)).status == 403
