"""`media-service show`: collections from the command line, while the service runs and while it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api
from tests.support.commands import run
from tests.support.server import Server
from tests.test_cli import refusal

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

pytestmark = pytest.mark.slow


def show(data: Path, *arguments: str) -> str:
    """Return what a command prints."""
    ended = run("show", *arguments, "--data-dir", str(data))
    assert ended.returncode == 0, ended
    return ended.stdout


async def test_shows_are_added_listed_and_archived(data: Path, session: aiohttp.ClientSession) -> None:
    night = "night", "--title", "Night Show", "--tag", "artist=Team", "--tag", "comment=a=b", "--bytes", "1kB"
    assert show(data, "add", *night) == "night\n"
    with Server(data) as server:
        api = Api(session, server.url, server.token)
        served = (await api.get("/api/v1/collections/night", headers=api.admin)).body
        assert served["default_tags"] == {"artist": "Team", "comment": "a=b"}
        assert (served["title"], served["bytes_max"]) == ("Night Show", 1000)
        assert show(data, "add", "archive", "--title", "Archive") == "archive\n"
        assert (await api.get("/api/v1/collections/archive", headers=api.admin)).status == 200
        show(data, "archive", "night")
        created = await api.request(
            "POST", "/api/v1/uploads", json={"filename": "a.mp3", "collection": "night"}, headers=api.admin
        )
        assert (created.status, created.code) == (404, "unknown_collection")
        assert show(data, "list") == "archive\tArchive\topen\t0\t0\nnight\tNight Show\tarchived\t0\t0\n"
        trail = (await api.get("/api/v1/audit", headers=api.admin)).body["entries"]
        assert [entry["action"] for entry in trail if entry["action"].startswith("collection")] == [
            "collection_changed",
            "collection_made",
            "collection_made",
        ]
    show(data, "archive", "night", "--undo")
    assert "night\tNight Show\topen" in show(data, "list")
    assert refusal("show", "add", "night", "--title", "x", "--data-dir", str(data), status=1) == (
        'The name "night" is taken.'
    )
    assert refusal("show", "archive", "noon", "--data-dir", str(data), status=1) == "There is no such collection."
    assert "--tag must be" in refusal("show", "add", "noon", "--title", "x", "--tag", "x", "--data-dir", str(data))
