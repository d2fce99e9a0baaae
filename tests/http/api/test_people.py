"""Persons over HTTP: what admins do to them, what they may do then, and how they are erased."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from media_service.storage.data_folder import DataFolder
from media_service.storage.locks import FileLocks
from tests.support.api import Api
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from tests.support.api import Response
    from tests.support.server import Server

PEOPLE = "/api/v1/people"
PASSWORD = "correct horse"  # a sample

_numbers = itertools.count(1)


def new_name() -> str:
    """Return a name that no other test has: they share a server."""
    return f"Person {next(_numbers)}"


async def add(api: Api, **more: Any) -> dict[str, Any]:
    response = await api.request("POST", PEOPLE, headers=api.admin, json={"name": new_name(), "role": "sender"} | more)
    assert response.status == 201, response
    body: dict[str, Any] = response.body
    return body


async def sign_in(api: Api, **body: str) -> Response:
    return await api.request("POST", "/session", json=body)


async def signed_in(api: Api, person: dict[str, Any]) -> Api:
    """Return a browser in which the person is signed in."""
    response = await sign_in(api, name=person["name"], password=PASSWORD)
    assert response.status == 204, response
    browser = Api(api.session, api.url, api.token)
    browser.headers = {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}
    return browser


def secret_of(url: str) -> str:
    return url.partition("#invitation=")[2]


async def test_added_person_is_shown_listed_and_has_a_location(api: Api) -> None:
    name, limits = new_name(), {"files": 3, "bytes": None, "file_bytes": 5}
    body = {"name": f" {name} ", "role": "editor", "collections": "all", "limits": limits, "password": PASSWORD}
    added = await api.request("POST", PEOPLE, headers=api.admin, json=body)
    person = added.body
    assert added.status == 201
    assert added.headers["Location"].endswith(f"{PEOPLE}/{person['id']}")
    assert person == {
        "id": person["id"],
        "name": name,
        "role": "editor",
        "collections": "all",
        "limits": limits,
        "usage": {"files": 0, "bytes": 0, "reserved_files": 0, "reserved_bytes": 0},
        "has_password": True,
        "created_at": person["created_at"],
        "seen_at": None,
        "disabled_at": None,
    }
    assert len(person["id"]) == 22
    assert (await api.get(f"{PEOPLE}/{person['id']}", headers=api.admin)).body == person
    listed = await api.get(f"{PEOPLE}?limit=1", headers=api.admin)
    assert listed.body["people"] == [person]
    assert PASSWORD not in str(listed.body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"role": "owner"}, "role"),
        ({"password": "short"}, "password"),
        ({"limits": {"files": -1}}, "limits.files"),
        ({"admin": True}, "admin"),
        ({"collections": "some"}, "collections"),
    ],
)
async def test_unusable_person_is_malformed(api: Api, body: dict[str, Any], field: str) -> None:
    response = await api.request("POST", PEOPLE, headers=api.admin, json={"name": new_name(), "role": "sender"} | body)
    assert (response.status, response.code) == (400, "malformed")
    assert response.body["field"].startswith(field)


async def test_name_that_is_taken_is_a_conflict(api: Api) -> None:
    person = await add(api)
    response = await api.request(
        "POST", PEOPLE, headers=api.admin, json={"name": person["name"].upper(), "role": "admin"}
    )
    assert (response.status, response.code) == (409, "name_taken")


async def test_unknown_collection_and_person_are_not_found(api: Api) -> None:
    body = {"name": new_name(), "role": "editor", "collections": ["no-such"]}
    response = await api.request("POST", PEOPLE, headers=api.admin, json=body)
    assert (response.status, response.code) == (404, "unknown_collection")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", "?files=keep"), ("POST", "/invitation")):
        response = await api.request(method, f"{PEOPLE}/{'x' * 22}{path}", headers=api.admin, json={})
        assert (response.status, response.code) == (404, "unknown_person"), method


async def test_only_admins_manage_people(api: Api) -> None:
    person = await add(api, password=PASSWORD, role="editor")
    browser, one = await signed_in(api, person), f"{PEOPLE}/{person['id']}"
    routes = [("GET", PEOPLE), ("POST", PEOPLE), ("GET", one), ("PATCH", one), ("DELETE", f"{one}?files=keep")]
    routes += [("POST", f"{one}/invitation"), ("GET", f"{one}/sessions"), ("DELETE", f"{one}/sessions")]
    routes += [("DELETE", f"{one}/sessions/{'x' * 22}")]
    for method, path in routes:
        refused = await browser.request(method, path)
        assert (refused.status, refused.code, refused.body["needed"]) == (403, "insufficient_scope", "admin")
        assert (await api.request(method, path)).status == 401, (method, path)


@pytest.mark.once
async def test_broken_connection_uses_up_no_invitation_without_its_password(api: Api, shared_server: Server) -> None:
    person = await add(api)
    body = json.dumps({"invitation": secret_of(person["invitation_url"]), "password": PASSWORD})
    host, locks = urlsplit(api.url).netloc, FileLocks(DataFolder(shared_server.data).locks)
    lock = f"owner:person:{person['id']}"
    with closing(locks), closing(sqlite3.connect(shared_server.data / "catalogue.sqlite3")) as rows:

        async def reads(column: str) -> None:
            query = f"SELECT {column} FROM tokens JOIN owners ON owners.id = owner WHERE owners.name = ?"
            async with asyncio.timeout(10):
                while rows.execute(query, (person["name"],)).fetchone() == (None,):
                    await asyncio.sleep(0.01)

        # The password waits to be stored.
        assert await locks.acquire(lock, 5)
        _, writer = await asyncio.open_connection(*host.split(":"))
        head = f"POST /session HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await reads("revoked_at")
        writer.transport.abort()
        await asyncio.sleep(0.1)
        locks.release(lock)
        await reads("password")
    assert (await sign_in(api, name=person["name"], password=PASSWORD)).status == 204


async def test_change_keeps_what_it_does_not_name(api: Api) -> None:
    person = await add(api, limits={"files": 1, "bytes": 2})
    path = f"{PEOPLE}/{person['id']}"
    changed = await api.request("PATCH", path, headers=api.admin, json={"limits": {"files": None, "file_bytes": 7}})
    assert changed.body["limits"] == {"files": None, "bytes": 2, "file_bytes": 7}
    changed = await api.request("PATCH", path, headers=api.admin, json={"role": "editor", "collections": "all"})
    assert (changed.body["role"], changed.body["collections"]) == ("editor", "all")
    changed = await api.request("PATCH", path, headers=api.admin, json={"collections": []})
    assert changed.body["collections"] == []
    name = new_name()
    changed = await api.request("PATCH", path, headers=api.admin, json={"name": name})
    given = {"name": name, "role": "editor", "limits": {"files": None, "bytes": 2, "file_bytes": 7}}
    assert changed.body | {"invitation_url": person["invitation_url"]} == person | given


async def test_invitation_signs_in_once_and_sets_a_password(api: Api) -> None:
    person = await add(api)
    url = person["invitation_url"]
    assert url.startswith(f"{api.url}/#invitation=ms_")
    assert (await sign_in(api, invitation=secret_of(url), password="short")).code == "malformed"
    assert (await sign_in(api, invitation=secret_of(url), password=PASSWORD)).status == 204
    assert (await sign_in(api, invitation=secret_of(url))).status == 401
    await signed_in(api, person)
    again = await api.request("POST", f"{PEOPLE}/{person['id']}/invitation", headers=api.admin)
    assert again.status == 201
    assert (await sign_in(api, invitation=secret_of(again.body["url"]))).status == 204


async def test_disabled_person_is_out_within_a_second(api: Api) -> None:
    person = await add(api, password=PASSWORD)
    browser, path = await signed_in(api, person), f"{PEOPLE}/{person['id']}"
    assert (await browser.get("/api/v1/tokens")).status == 200
    disabled = await api.request("PATCH", path, headers=api.admin, json={"disabled": True})
    assert disabled.body["disabled_at"] is not None
    await asyncio.sleep(0.6)
    assert (await browser.get("/api/v1/tokens")).status == 401
    assert (await sign_in(api, name=person["name"], password=PASSWORD)).status == 401
    enabled = await api.request("PATCH", path, headers=api.admin, json={"disabled": False})
    assert enabled.body["disabled_at"] is None
    await signed_in(api, person)


async def test_sessions_of_a_person_are_listed_and_ended(api: Api) -> None:
    person = await add(api, password=PASSWORD)
    first, _ = await signed_in(api, person), await signed_in(api, person)
    path = f"{PEOPLE}/{person['id']}/sessions"
    sessions = (await api.get(path, headers=api.admin)).body["sessions"]
    assert [session["address"] for session in sessions] == ["127.0.0.1"] * 2
    own = (await first.get("/api/v1/sessions")).body["sessions"]
    assert sorted(session["current"] for session in own) == [False, True]
    assert [session["id"] for session in own] == [session["id"] for session in sessions]
    (others,) = [session["id"] for session in own if not session["current"]]
    assert (await first.request("DELETE", f"/api/v1/sessions/{others}")).status == 204
    assert (await api.request("DELETE", f"{path}/{others}", headers=api.admin)).code == "unknown_token"
    assert (await api.request("DELETE", path, headers=api.admin)).status == 204
    assert (await api.get(path, headers=api.admin)).body["sessions"] == []


async def test_password_that_is_removed_ends_the_session(api: Api) -> None:
    person = await add(api, password=PASSWORD)
    await signed_in(api, person)
    changed = await api.request("PATCH", f"{PEOPLE}/{person['id']}", headers=api.admin, json={"password": None})
    assert not changed.body["has_password"]
    assert (await sign_in(api, name=person["name"], password=PASSWORD)).status == 401
    assert (await api.get(f"{PEOPLE}/{person['id']}/sessions", headers=api.admin)).body["sessions"] == []


@pytest.mark.parametrize("files", ["keep", "delete"])
async def test_erased_person_leaves_no_name(api: Api, shared_server: Server, files: str) -> None:
    person = await add(api, password=PASSWORD)
    browser, other = await signed_in(api, person), await signed_in(api, await add(api, password=PASSWORD))
    data = make_mp3(1, seed=next(_numbers) + 9000)
    sender = f"Sender {person['name']}"
    upload = await browser.create(f"{files}.mp3", len(data), sender=sender)
    assert (await browser.put(upload["id"], 0, data)).status == 200
    done = await browser.get(f"/api/v1/uploads/{upload['id']}")
    assert done.body["state"] == "spooled", done
    open_upload = await browser.create("open.mp3", 1000, sender=sender)
    kept = await other.create("other.mp3", 1000)
    path = f"{PEOPLE}/{person['id']}"
    assert (await api.request("DELETE", path, headers=api.admin)).body["field"] == "files"
    assert (await api.request("DELETE", f"{path}?files={files}", headers=api.admin)).status == 204
    assert (await api.get(path, headers=api.admin)).code == "unknown_person"
    assert (await api.request("DELETE", f"{path}?files={files}", headers=api.admin)).code == "unknown_person"
    assert (await browser.get("/api/v1/tokens")).status == 401
    assert (await api.get(f"/api/v1/uploads/{open_upload['id']}")).code == "unknown_upload"
    assert (await api.get(f"/api/v1/uploads/{kept['id']}")).status == 200
    after = await api.get(f"/api/v1/uploads/{upload['id']}")
    file = await api.get(f"/api/v1/files/{done.body['file']['id']}", headers=api.admin)
    if files == "keep":
        assert (after.body["sender"], after.body["mine"], file.body["sender"]) == (None, False, None)
        assert file.body["stored_name"] in shared_server.store.names()
    else:
        assert (after.code, file.code) == ("unknown_upload", "unknown_file")
        assert [name for name in shared_server.store.names() if name.startswith("delete")] == []
    assert person["name"] not in str((await api.get("/api/v1/audit?limit=200", headers=api.admin)).body)
    found = await api.get(f"/api/v1/files?q={person['name'].replace(' ', '+')}", headers=api.admin)
    assert found.body["files"] == []


async def test_admin_is_an_admin(api: Api) -> None:
    admin = await signed_in(api, await add(api, password=PASSWORD, role="admin"))
    assert (await admin.get(PEOPLE)).status == 200
    made = await admin.request("POST", PEOPLE, json={"name": new_name(), "role": "sender"})
    assert made.status == 201
