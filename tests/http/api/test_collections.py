"""Collections over REST."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.access import Role
from tests.support.collections import COLLECTIONS, made, person
from tests.support.pictures import JPEG, SVG

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server


async def test_a_collection_is_created_shown_changed_and_archived(admin: Api) -> None:
    night = await made(admin, title=" Night\n", default_tags={"artist": "Team"}, bytes_max=10**9)
    path = f"{COLLECTIONS}/{night['slug']}"
    assert night == {
        "id": night["id"],
        "slug": night["slug"],
        "title": "Night",
        "default_tags": {"artist": "Team"},
        "has_cover": False,
        "bytes_max": 10**9,
        "usage": {"files": 0, "bytes": 0, "reserved_files": 0, "reserved_bytes": 0},
        "created_at": night["created_at"],
        "archived_at": None,
    }
    assert (await admin.get(path)).body == night
    changed = await admin.request("PATCH", path, json={"title": "Noon", "bytes_max": None})
    assert changed.body == night | {"title": "Noon", "bytes_max": None}
    archived = (await admin.request("PATCH", path, json={"archived": True})).body
    assert archived["archived_at"] is not None
    assert (await admin.request("PATCH", path, json={"archived": True})).body == archived
    assert (await admin.request("PATCH", path, json={"archived": False})).body == changed.body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slug": "Night", "title": "Night"}, "slug"),
        ({"slug": "night"}, "title"),
        ({"slug": "night", "title": " "}, "title"),
        ({"slug": "night", "title": "Night", "default_tags": {"colour": "red"}}, "tags.colour"),
        ({"slug": "night", "title": "Night", "bytes_max": -1}, "bytes_max"),
        ({"slug": "night", "title": "Night", "cover": "x"}, "cover"),
    ],
    ids=str,
)
async def test_a_body_that_cannot_be_used_is_refused(admin: Api, body: dict[str, Any], field: str) -> None:
    refused = await admin.request("POST", COLLECTIONS, json=body)
    assert (refused.status, refused.code, refused.body["field"]) == (400, "malformed", field)


async def test_a_taken_slug_is_refused(admin: Api) -> None:
    night = await made(admin)
    refused = await admin.request("POST", COLLECTIONS, json={"slug": night["slug"], "title": "Other"})
    assert (refused.status, refused.code) == (409, "name_taken")
    assert (await admin.get(f"{COLLECTIONS}/{night['slug']}")).body == night


@pytest.mark.parametrize("slug", ["no-such-show", "No", "%00", "a" * 300])
async def test_an_unknown_collection_is_not_found(admin: Api, slug: str) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("GET", "/cover"), ("DELETE", "/cover")):
        refused = await admin.request(method, f"{COLLECTIONS}/{slug}{path}", json={} if method == "PATCH" else None)
        assert (refused.status, refused.code) == (404, "unknown_collection")
    put = await admin.request("PUT", f"{COLLECTIONS}/{slug}/cover", data=io.BytesIO(JPEG))
    assert (put.status, put.code) == (404, "unknown_collection")


async def test_the_cover_is_checked_as_every_cover(admin: Api) -> None:
    path = f"{COLLECTIONS}/{(await made(admin))['slug']}"
    refused = await admin.request("PUT", f"{path}/cover", data=io.BytesIO(SVG))
    assert (refused.status, refused.code) == (415, "cover_not_image")
    assert (await admin.get(f"{path}/cover")).code == "unknown_cover"
    put = await admin.request("PUT", f"{path}/cover", data=io.BytesIO(JPEG))
    assert (put.status, put.body["has_cover"]) == (200, True)
    shown = await admin.get(f"{path}/cover")
    assert (shown.status, shown.body, shown.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    assert (await admin.request("DELETE", f"{path}/cover")).status == 204
    assert (await admin.get(path)).body["has_cover"] is False


async def test_only_an_admin_changes_collections_and_others_see_theirs(
    api: Api, admin: Api, shared_server: Server
) -> None:
    night, noon = await made(admin), await made(admin)
    await admin.request("PUT", f"{COLLECTIONS}/{night['slug']}/cover", data=io.BytesIO(JPEG))
    for role in (Role.EDITOR, Role.SENDER):
        someone = await person(api, shared_server, role, [night])
        listed = await someone.get(COLLECTIONS)
        assert [collection["slug"] for collection in listed.body["collections"]] == [night["slug"]]
        assert (await someone.get(f"{COLLECTIONS}/{night['slug']}/cover")).body == JPEG
        for path in (noon["slug"], f"{noon['slug']}/cover"):
            assert (await someone.get(f"{COLLECTIONS}/{path}")).code == "unknown_collection"
        for method, path in (
            ("POST", COLLECTIONS),
            ("PATCH", f"{COLLECTIONS}/{night['slug']}"),
            ("PUT", f"{COLLECTIONS}/{night['slug']}/cover"),
            ("DELETE", f"{COLLECTIONS}/{night['slug']}/cover"),
        ):
            refused = await someone.request(method, path, json={})
            assert (refused.status, refused.body.get("needed")) == (403, "admin"), (method, path)
    assert (await api.get(COLLECTIONS)).status == 401
