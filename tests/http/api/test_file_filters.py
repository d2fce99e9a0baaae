"""Filters, totals and the figures of the start page."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from media_service.core.access import Role
from tests.support.collections import made, person
from tests.support.mp3 import make_frames, make_mp3

if TYPE_CHECKING:
    from tests.support.api import Api, Response
    from tests.support.server import Server

FILES, OVERVIEW = "/api/v1/files", "/api/v1/overview"


@pytest.fixture
async def library(small: Api) -> None:
    """Provide two files of different senders, the second one with a warning."""
    if (await listing(small, "")).body["files"]:
        return
    first = make_mp3(1, seed=901)
    for name, sender, data in (("one", "Kim Minho", first), ("two", "Minho", make_mp3(1, seed=902) + b"junk" * 500)):
        upload = await small.create(f"{name}.mp3", len(data), tags={"title": name, "album": "filtered"}, sender=sender)
        assert (await small.send_all(upload["id"], data))["state"] == "spooled"


async def listing(api: Api, query: str) -> Response:
    return await api.get(f"{FILES}?q=filtered+{query}", headers=api.admin)


TODAY = datetime.now(UTC).date().isoformat()


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["one", "two"]),
        ("by:kim", ["one"]),
        ("by:minho+-by:kim", ["two"]),
        ("-one", ["two"]),
        (quote('"kim minho"'), ["one"]),
        ("&sender=minho", ["two"]),
        ("&sender=KIM++minho", ["one"]),
        ("&sender=+", ["one", "two"]),
        ("&warnings=1", ["two"]),
        ("&grade=proven", []),
        ("&place=taken", []),
        (f"&from={TODAY}", ["one", "two"]),
        (f"&to={TODAY}&from=2027-01-31T12:00:00%2B09:00", ["one", "two"] if TODAY > "2027-01-31" else []),
        (f"&to={TODAY}T00:00:00Z", []),
        ("&to=9999-12-31T12:00:00Z", ["one", "two"]),
    ],
)
async def test_files_are_filtered(small: Api, library: None, query: str, titles: list[str]) -> None:
    response = await listing(small, f"{query}&sort=title&total=1")
    assert [file["title"] for file in response.body["files"]] == titles
    assert response.body["total"] == {"files": len(titles), "exact": True}


async def test_there_is_a_total_only_if_asked_for(small: Api, library: None) -> None:
    assert set((await listing(small, "")).body) == {"files", "next"}
    everything = await small.get(f"{FILES}?total=1&limit=1", headers=small.admin)
    assert everything.body["total"]["files"] >= 2


async def test_senders_are_suggested(small: Api, library: None) -> None:
    for query, senders in (
        ("kim", ["Kim Minho"]),
        ("MINHO", ["Kim Minho", "Minho"]),
        (quote('"kim" minho'), ["Kim Minho"]),
        ("nobody", []),
    ):
        response = await small.get(f"{FILES}/senders?q={query}", headers=small.admin)
        assert sorted(response.body["senders"]) == senders
    everybody = await small.get(f"{FILES}/senders", headers=small.admin)
    assert "Minho" in everybody.body["senders"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("grade=good", "grade"),
        ("warnings=yes", "warnings"),
        ("place=spool", "place"),
        ("place=trash&grade=proven", "place"),
        ("total=2", "total"),
        ("from=yesterday", "from"),
        ("from=2027-01-31T12:00:00", "from"),
        ("from=2027-02-31", "from"),
        ("to=9999-12-31", "to"),
    ],
)
async def test_a_malformed_filter_is_refused(small: Api, query: str, field: str) -> None:
    response = await small.get(f"{FILES}?{query}", headers=small.admin)
    assert (response.status, response.code, response.body["field"]) == (400, "malformed", field)


async def figures(api: Api, query: str = "") -> dict[str, Any]:
    response = await api.get(f"{OVERVIEW}{query}")
    assert response.status == 200, response
    body: dict[str, Any] = response.body
    return body


@pytest.mark.once
async def test_the_overview_shows_what_the_caller_may_see(api: Api, admin: Api, shared_server: Server) -> None:
    night, noon = await made(admin, bytes_max=10**9), await made(admin)
    editor = await person(api, shared_server, Role.EDITOR, [night])
    whole, cut = make_mp3(1, seed=903), make_frames(300, seed=903)[:-100]
    for collection in (night, noon):
        sent = await admin.create("a.mp3", len(whole), collection=collection["slug"])
        assert (await admin.send_all(sent["id"], whole))["state"] == "spooled"
        await admin.create("b.mp3", 500, collection=collection["slug"])
    sent = await admin.create("c.mp3", len(cut), collection=night["slug"])
    assert (await admin.send_all(sent["id"], cut))["state"] == "rejected"
    seen = await figures(editor)
    (quota,) = seen.pop("quotas")
    assert seen["today"].pop("bytes") >= len(whole)
    assert seen == {
        "today": {"files": 1},
        "in_flight": 1,
        "rejected": {"today": 1, "kept": 1},
        "trash": {"files": 0},
        "taken": {"files": 0},
        "disk": None,
    }
    assert (quota["of"], quota["slug"], quota["limit"]) == ("collection", night["slug"], 10**9)
    assert quota["used"] >= len(whole) + len(cut) + 500
    assert (await figures(admin, f"?collection={night['slug']}"))["today"]["files"] == 1
    everything = await figures(admin)
    assert everything["today"]["files"] >= 2
    assert 0 < everything["disk"]["free"] < everything["disk"]["total"]
    future = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat().replace("+", "%2B")
    later = await figures(editor, f"?since={future}")
    assert (later["today"], later["rejected"]) == ({"files": 0, "bytes": 0}, {"today": 0, "kept": 1})
