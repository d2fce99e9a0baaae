"""Uploads over REST: create, list, show, amend, cancel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from tests.support.api import Api

UPLOADS = "/api/v1/uploads"


async def test_created_upload_has_the_documented_members(api: Api) -> None:
    body = await api.create("Sunday Night.mp3", 1000, tags={"title": "밤"}, last_modified="2026-11-01T10:00:00+09:00")
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", body.pop("id"))
    for moment in ("created_at", "updated_at", "expires_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", body.pop(moment))
    assert body == {
        "state": "receiving",
        "filename": "Sunday Night.mp3",
        "length": 1000,
        "offset": 0,
        "received": [],
        # A multiple of the blocks of the content hash; larger on S3.
        "slice_size": (8 if Server.cluster else 4) * 1024 * 1024,
        "slice_limit": 64 * 1024 * 1024,
        "digest": None,
        "content_hash": None,
        "last_modified": "2026-11-01T01:00:00Z",
        "sender": None,
        "collection": None,
        "link": None,
        "reference": None,
        "editable_until": None,
        "tags": {"title": "밤"},
        "cover": None,
        "chapters": [],
        "problem": None,
        "file": None,
        "verdict": None,
        "grade": None,
        "duration": None,
        "findings": [],
        "suggested_tags": {},
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"length": 5}, "filename"),
        ({"filename": "a.mp3", "length": -1}, "length"),
        ({"filename": "a.mp3", "length": 0}, "length"),
        ({"filename": "a.mp3", "length": "5"}, "length"),
        ({"filename": "a.mp3", "length": 2**63}, "length"),
        ({"filename": "a.mp3", "length": 5, "surprise": 1}, "surprise"),
        ({"filename": "a.mp3", "length": 5, "digest": "md5=:AAAA:"}, "digest"),
        ({"filename": "a.mp3", "length": 5, "content_hash": "zz"}, "content_hash"),
        ({"filename": "a.mp3", "length": 5, "tags": {"weather": "blue"}}, "tags.weather"),
        ({"filename": "a.mp3", "length": 5, "tags": {"date": "yesterday"}}, "tags.date"),
        ({"filename": "a" * 5000, "length": 5}, "filename"),
        ({"filename": "a.mp3", "length": 5, "last_modified": "2026-11-01T10:00:00"}, "last_modified"),
        ([], "body"),
    ],
)
async def test_malformed_upload_request_is_refused_with_its_field(api: Api, body: object, field: str) -> None:
    answer = await api.request("POST", UPLOADS, json=body)
    assert (answer.status, answer.code, answer.body["field"]) == (400, "malformed", field)


async def test_body_that_is_not_json_is_refused(api: Api) -> None:
    wrong_type = await api.request("POST", UPLOADS, data=b"filename=a", headers={"Content-Type": "text/plain"})
    assert (wrong_type.status, wrong_type.code) == (415, "unsupported_media_type")
    headers = {"Content-Type": "application/json"}
    broken = await api.request("POST", UPLOADS, data=b'{"filename": ', headers=headers)
    assert (broken.status, broken.code) == (400, "malformed")
    packed = await api.request("POST", UPLOADS, data=b"x", headers={**headers, "Content-Encoding": "gzip"})
    assert packed.status == 415
    huge = await api.request("POST", UPLOADS, data=b" " * 100_000, headers=headers)
    assert huge.status == 413


async def test_file_over_the_limit_is_refused_with_the_limit(api: Api) -> None:
    answer = await api.request("POST", UPLOADS, json={"filename": "a.mp3", "length": 2**40})
    assert (answer.status, answer.code, answer.body["limit"]) == (413, "file_too_large", 64 * 2**30)


async def test_limits_are_listed_before_an_upload(api: Api) -> None:
    limits = (await api.get("/api/v1/limits")).body
    assert (limits["file"], limits["slice"]) == (64 * 2**30, 64 * 2**20)
    assert 0 < limits["largest"] <= limits["file"]
    assert (limits["upload_lifetime"], limits["quarantine_lifetime"]) == (7 * 86_400, 7 * 86_400)


@pytest.mark.parametrize("path", [f"{UPLOADS}/{'x' * 22}", f"{UPLOADS}/../../etc/passwd", f"{UPLOADS}/short"])
async def test_unknown_upload_is_404(api: Api, path: str) -> None:
    assert (await api.get(path)).status == 404


async def test_wrong_method_is_405_with_the_allowed_methods(api: Api) -> None:
    answer = await api.request("PUT", UPLOADS)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.once
async def test_cancelled_upload_is_gone_and_its_space_is_free(api: Api, shared_server: Server) -> None:
    upload = await api.create(length=1_000_000)
    partial = shared_server.partials / f"{upload['id']}.partial"
    assert partial.stat().st_blocks * 512 >= 1_000_000
    assert (await api.request("DELETE", f"{UPLOADS}/{upload['id']}")).status == 204
    assert not partial.exists()
    assert (await api.show(upload["id"]))["state"] == "cancelled"
    again = await api.request("DELETE", f"{UPLOADS}/{upload['id']}")
    assert again.status == 204
    late = await api.put(upload["id"], 0, b"x")
    assert (late.status, late.code, late.body["state"]) == (410, "upload_gone", "cancelled")


async def test_only_the_station_says_why_it_cancels(api: Api) -> None:
    sender = await api.browser()
    upload = await sender.create(length=1000)
    url = f"{UPLOADS}/{upload['id']}"
    refused = await sender.request("DELETE", url, json={"reason": "mine"})
    assert (refused.status, refused.code) == (401, "unauthorized")
    for body in ({"reason": "x" * 501}, {"reason": 5}, {"why": "x"}):
        malformed = await sender.request("DELETE", url, headers=api.admin, json=body)
        assert (malformed.status, malformed.code) == (400, "malformed")
    assert (await sender.show(upload["id"]))["state"] == "receiving"
    # Of another owner: the sender sees it also without a reason.
    assert (await api.request("DELETE", url, headers=api.admin)).status == 204
    problem = (await sender.show(upload["id"]))["problem"]
    assert (problem["code"], problem["reason"]) == ("cancelled_by_station", "")
    assert problem["detail"] == "The station cancelled the upload."
    own = await sender.create(length=1000)
    assert (await sender.request("DELETE", f"{UPLOADS}/{own['id']}")).status == 204
    assert (await sender.show(own["id"]))["problem"] is None


async def test_finished_upload_cannot_be_cancelled(api: Api) -> None:
    data = make_mp3(1, seed=11)
    upload = await api.create(length=len(data))
    assert (await api.send_all(upload["id"], data))["state"] == "spooled"
    answer = await api.request("DELETE", f"{UPLOADS}/{upload['id']}")
    assert (answer.status, answer.code, answer.body["state"]) == (409, "wrong_state", "spooled")


async def test_tags_changed_while_receiving_are_in_the_file(api: Api) -> None:
    data = make_mp3(1, seed=12)
    upload = await api.create(length=len(data), tags={"title": "Draft"})
    amended = await api.request("PATCH", f"{UPLOADS}/{upload['id']}", json={"tags": {"title": "Final", "artist": "김"}})
    assert amended.body["tags"] == {"title": "Final", "artist": "김"}
    ended = await api.send_all(upload["id"], data)
    file = (await api.get(f"/api/v1/files/{ended['file']['id']}")).body
    assert (file["title"], file["artist"]) == ("Final", "김")


async def test_length_may_be_set_later(api: Api) -> None:
    data = make_mp3(1, seed=13)
    upload = await api.create()
    assert upload["length"] is None
    assert (await api.put(upload["id"], 0, data)).body["state"] == "receiving"
    short = await api.request("PATCH", f"{UPLOADS}/{upload['id']}", json={"length": len(data) - 1})
    assert (short.status, short.body["field"]) == (400, "length")
    right = await api.request("PATCH", f"{UPLOADS}/{upload['id']}", json={"length": len(data)})
    assert right.status == 200
    assert (await api.ended(upload["id"]))["state"] == "spooled"


async def test_creating_the_same_content_returns_the_finished_upload(api: Api) -> None:
    api = await api.browser()
    data = make_mp3(2, seed=14)
    upload = await api.create("first.mp3", len(data))
    first = await api.send_all(upload["id"], data)
    new_upload = {"filename": "second.mp3", "length": len(data), "content_hash": first["content_hash"]}
    again = await api.request("POST", UPLOADS, json=new_upload)
    assert (again.status, again.body["id"], again.body["state"]) == (200, upload["id"], "spooled")
    other = await api.request("POST", UPLOADS, json={**new_upload, "content_hash": "0" * 64})
    assert other.status == 201


async def test_listing_pages_are_newest_first_without_gaps(api: Api) -> None:
    api = await api.browser()
    made = [(await api.create(f"{number}.mp3", 10))["id"] for number in range(7)]
    seen: list[str] = []
    url = f"{UPLOADS}?state=receiving&limit=3"
    while url:
        answer = await api.get(url)
        seen += [upload["id"] for upload in answer.body["uploads"]]
        following = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        url = following[1] if following else ""
        assert bool(following) == (answer.body["next"] is not None)
    assert [upload for upload in seen if upload in made] == made[::-1]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("query", ["state=asleep", "limit=0", "limit=201", "limit=x", "cursor=!!!", "cursor=WzEsMl0"])
async def test_malformed_listing_query_is_refused(api: Api, query: str) -> None:
    answer = await api.get(f"{UPLOADS}?{query}")
    assert (answer.status, answer.code) == (400, "malformed")


async def test_only_the_admin_lists_all_uploads(api: Api) -> None:
    assert (await api.get(f"{UPLOADS}?scope=all")).status == 401
    assert (await api.get(f"{UPLOADS}?scope=all", headers=api.admin)).status == 200


async def test_finished_upload_is_found_by_content_hash_and_length(api: Api) -> None:
    api = await api.browser()
    data = make_mp3(3, seed=6001)
    upload = await api.create("found.mp3", len(data))
    finished = await api.send_all(upload["id"], data)
    assert finished["state"] == "spooled"
    query = f"{UPLOADS}?content_hash={finished['content_hash']}"
    assert [one["id"] for one in (await api.get(f"{query}&length={len(data)}")).body["uploads"]] == [upload["id"]]
    assert (await api.get(f"{query}&length={len(data) - 1}")).body["uploads"] == []
    assert (await api.get(query)).code == "malformed"
    assert (await api.get(f"{UPLOADS}?content_hash=zz&length=1")).code == "malformed"
