"""A data folder of version 0.1 is taken over without a question, and without accounts all is as before on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config

from media_service.catalogue.sqlite import usage_check
from media_service.catalogue.sqlite.migrate import writing_engine
from media_service.catalogue.sqlite.schema_version import is_current
from media_service.storage.data_folder import DataFolder
from tests.support.api import Api
from tests.support.mp3 import make_mp3
from tests.support.new_catalogue import MIGRATIONS
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

pytestmark = pytest.mark.slow

SCHEMA_OF_0_1 = "0009"
MP3 = make_mp3(2, seed=16_700)
TEXT = b"words " * 4_000
HALF = 16 * 1024
LISTINGS = ("/api/v1/files", "/api/v1/uploads?scope=all", "/api/v1/quarantine")


def take_back(data: Path) -> None:
    """Give the catalogue the schema that version 0.1 left."""
    engine, config = writing_engine(DataFolder(data).catalogue), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, SCHEMA_OF_0_1)
    engine.dispose()


async def listed(api: Api) -> list[Any]:
    """Return what the admin token lists."""
    answers = [await api.get(f"{path}{'&' if '?' in path else '?'}full=1", headers=api.admin) for path in LISTINGS]
    assert [answer.status for answer in answers] == [200] * 3
    return [answer.body for answer in answers]


async def test_installation_of_0_1_upgrades_and_goes_on(data: Path, session: aiohttp.ClientSession) -> None:
    with Server(data, workers=2, disk_reserve=0, verdict_wait_slice=5) as server:
        script = Api(session, server.url, server.token)
        browser = await script.browser()
        ended = [
            await client.send_all((await client.create(length=len(MP3)))["id"], MP3) for client in (script, browser)
        ]
        rejected = await script.create(length=len(TEXT))
        assert (await script.send_all(rejected["id"], TEXT))["state"] == "rejected"
        opened = [await client.create("rest.mp3", len(MP3)) for client in (script, browser)]
        for upload in opened:
            assert (await script.put(upload["id"], 0, MP3[:HALF])).status == 200
        before, own = await listed(script), (await browser.get("/api/v1/uploads?full=1")).body
        assert server.stop() == 0
        take_back(data)
        assert not is_current(DataFolder(data).catalogue, MIGRATIONS)
        server.start()
        # Of files from before migration 0018 nobody knows whether they have a cover, until it is asked for.
        for file in before[0]["files"]:
            assert file["cover_url"] is None
            assert (await script.get(f"{file['url']}/cover", headers=script.admin)).status == 404
        assert await listed(script) == before
        assert (await browser.get("/api/v1/uploads?full=1")).body == own
        assert (await script.get("/api/v1/uploads")).body["uploads"] == []
        # Files of browsers are theirs, those of scripts everybody's who knows the id; there are no others.
        files = [upload["file"]["url"] for upload in ended]
        for client, statuses in ((script, [200, 404]), (browser, [200, 200])):
            assert [(await client.get(f"{url}/content")).status for url in files] == statuses
        assert (await script.get("/api/v1/files")).status == 401
        for upload, client in zip(opened, (script, browser), strict=True):
            assert (await client.put(upload["id"], HALF, MP3[HALF:])).status == 200
            assert (await client.ended(upload["id"]))["state"] == "spooled"
        for path, method in (("/tus/", "POST"), ("/rufh/", "POST")):
            headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "9000", "Upload-Complete": "?0"}
            assert (await script.request(method, path, headers=headers)).status == 201
        me = (await script.get("/api/v1/me")).body
        assert (me["kind"], me["signed_in"], me["may_upload"]) == ("browser", False, True)
        signed_in = await script.request("POST", "/session", json={"token": server.token})
        assert signed_in.status == 204
        assert (await script.get("/api/v1/people", headers=script.admin)).body["people"] == []
        sums = usage_check.check(DataFolder(data).catalogue)
        assert [row for row in sums if not row.is_right] == []
