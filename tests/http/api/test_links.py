"""Guest links over REST."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.http.api.test_people import PASSWORD, add, signed_in
from tests.http.api.test_tokens import make, script

if TYPE_CHECKING:
    from tests.support.api import Api

LINKS = "/api/v1/links"


async def call(api: Api, method: str, path: str, body: Any = None, *, status: int) -> Any:
    """Return the JSON of the admin's request, None without a body. Fail unless the status is this one."""
    headers = {"Authorization": f"Bearer {api.token}"}
    async with api.session.request(method, api.url + path, json=body, headers=headers) as response:
        assert response.status == status, await response.text()
        return await response.json(content_type=None) if status != 204 else None


async def test_a_new_link_shows_its_secret_once(api: Api) -> None:
    terms = {
        "title": "Sunday Night",
        "note": "Mono is fine.\nUntil Friday!",
        "asks": {"name": "required"},
        "opens_at": "2026-01-01T00:00:00Z",
        "expires_in": 3600,
        "files_max": 2,
        "bytes_max": 10**9,
        "file_bytes_max": 10**8,
        "allowed_origins": ["https://radio.example"],
        "reference": "show 7",
    }
    created = await call(api, "POST", LINKS, terms, status=201)
    assert created["url"] == f"{api.url}/u/{created['token']}"
    assert created["token"].startswith("ms_")
    assert ET.fromstring(created["qr_svg"]).tag == "{http://www.w3.org/2000/svg}svg"
    shown = await call(api, "GET", f"{LINKS}/{created['id']}", status=200)
    assert shown == {name: value for name, value in created.items() if name not in ("url", "token", "qr_svg")}
    assert {name: shown[name] for name in terms if name not in ("expires_in", "asks")} == {
        name: value for name, value in terms.items() if name not in ("expires_in", "asks")
    }
    assert shown["asks"] == {"name": "required", "email": "no", "title": "no"}
    assert (shown["state"], shown["left"]) == ("open", {"files": 2, "bytes": 10**9})
    assert shown["usage"] == {"files": 0, "bytes": 0, "reserved_files": 0, "reserved_bytes": 0}


async def test_a_link_is_changed_by_what_is_named(api: Api) -> None:
    created = await call(api, "POST", LINKS, {"title": "Night", "reference": "7"}, status=201)
    assert created["expires_at"] is not None
    path = f"{LINKS}/{created['id']}"
    changed = await call(api, "PATCH", path, {"expires_in": None, "note": "Thanks"}, status=200)
    assert (changed["expires_at"], changed["note"], changed["reference"]) == (None, "Thanks", "7")


async def test_a_closed_link_can_be_opened_again(api: Api) -> None:
    created = await call(api, "POST", LINKS, {"title": "Night"}, status=201)
    path = f"{LINKS}/{created['id']}"
    await call(api, "DELETE", path, status=204)
    await call(api, "DELETE", path, status=204)
    assert (await call(api, "GET", path, status=200))["state"] == "closed"
    assert (await call(api, "PATCH", path, {"closed": False}, status=200))["state"] == "open"


async def test_a_secret_can_be_replaced(api: Api) -> None:
    created = await call(api, "POST", LINKS, {"title": "Night"}, status=201)
    renewed = await call(api, "POST", f"{LINKS}/{created['id']}/secret", status=201)
    assert renewed["id"] == created["id"]
    assert renewed["token"] != created["token"]


async def test_links_are_listed_newest_first(api: Api) -> None:
    created = [await call(api, "POST", LINKS, {"title": f"Show {number}"}, status=201) for number in range(3)]
    page = await call(api, "GET", f"{LINKS}?limit=2", status=200)
    more = await call(api, "GET", f"{LINKS}?limit=2&cursor={page['next']}", status=200)
    assert [link["id"] for link in (*page["links"], *more["links"])][:3] == [link["id"] for link in created[::-1]]


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"title": ""},
        {"title": "Night", "asks": {"name": "perhaps"}},
        {"title": "Night", "files_max": 0},
        {"title": "Night", "expires_in": 0},
        {"title": "Night", "expires_in": 1, "opens_at": "2999-01-01T00:00:00Z"},
        {"title": "Night", "allowed_origins": ["*"]},
        {"title": "Night", "secret": "mine"},
    ],
)
async def test_a_link_with_impossible_terms_is_refused(api: Api, terms: dict[str, Any]) -> None:
    assert (await call(api, "POST", LINKS, terms, status=400))["code"] == "malformed"


@pytest.mark.parametrize("link_id", ["A" * 22, "short"])
async def test_a_link_that_does_not_exist_is_unknown(api: Api, link_id: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"note": ""}), ("DELETE", None)):
        refused = await call(api, method, f"{LINKS}/{link_id}", body, status=404)
        assert refused["code"] == "unknown_link"
    assert (await call(api, "POST", f"{LINKS}/{link_id}/secret", status=404))["code"] == "unknown_link"


async def test_links_are_for_the_admin(api: Api) -> None:
    for method, path in (("GET", LINKS), ("POST", LINKS), ("GET", f"{LINKS}/{'A' * 22}")):
        async with api.session.request(method, api.url + path, json={"title": "Night"}) as response:
            assert response.status == 401


async def test_a_token_for_a_collection_makes_links_of_that_one_only(api: Api) -> None:
    mine, other = (f"show-{secrets.token_hex(6)}" for _ in range(2))
    for slug in (mine, other):
        await call(api, "POST", "/api/v1/collections", {"slug": slug, "title": slug}, status=201)
    editor = await signed_in(api, await add(api, password=PASSWORD, role="editor", collections=[mine, other]))
    general = (await editor.request("POST", LINKS, json={"title": "Night"})).body
    of_other = (await editor.request("POST", LINKS, json={"title": "Night", "collection": other})).body
    bound = script(api, (await make(editor, scopes=["links"], collection=mine)).body["token"])
    made = await bound.request("POST", LINKS, json={"title": "Night"})
    assert (made.status, made.body["collection"]) == (201, mine)
    assert (await bound.request("POST", LINKS, json={"title": "A", "collection": other})).code == "unknown_collection"
    assert [link["id"] for link in (await bound.get(LINKS)).body["links"]] == [made.body["id"]]
    for link in (general, of_other):
        assert (await bound.request("POST", f"{LINKS}/{link['id']}/secret")).code == "unknown_link"
    for nothing in (None, ""):
        moved = await bound.request("PATCH", f"{LINKS}/{made.body['id']}", json={"collection": nothing})
        assert (moved.status, moved.body["collection"]) == (200, mine)


async def test_a_link_for_no_collection_is_for_the_general_one(api: Api) -> None:
    created = await call(api, "POST", LINKS, {"title": "Night", "collection": ""}, status=201)
    assert created["collection"] is None
    guest = script(api, created["token"])
    assert (await guest.create("show.mp3", 100_000))["collection"] is None


async def test_the_trail_names_what_was_changed_but_no_secret(api: Api) -> None:
    created = await call(api, "POST", LINKS, {"title": "Night", "passphrase": "Nachtmusik"}, status=201)
    path = f"{LINKS}/{created['id']}"
    await call(api, "PATCH", path, {"note": "Thanks", "passphrase": None}, status=200)
    renewed = await call(api, "POST", f"{path}/secret", status=201)
    await call(api, "DELETE", path, status=204)
    trail = await call(api, "GET", f"/api/v1/audit?subject=link:{created['id']}", status=200)
    assert [(entry["action"], entry["details"]["changed"]) for entry in trail["entries"]] == [
        ("link_closed", ["closed"]),
        ("link_changed", ["secret"]),
        ("link_changed", ["note", "passphrase"]),
        ("link_made", []),
    ]
    for secret in (created["token"], renewed["token"], "Nachtmusik"):
        assert secret not in str(trail)
