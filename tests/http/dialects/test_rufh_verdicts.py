"""Rejected files in Resumable Uploads for HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.rufh_client import MP3, PATCH, VERSIONS, Rufh, flag

if TYPE_CHECKING:
    from tests.support.api import Api

DAMAGED = MP3[:9000] + bytes(9000) + MP3[18_000:]


async def test_r19_rejected_file_is_complete(rufh: Rufh) -> None:
    for answer in (
        await rufh.create(b"abc" * 1000, "?1"),
        await rufh.patch((await rufh.create()).location, 0, b"abc" * 1000, "?1"),
    ):
        assert (answer.status, answer["Upload-Complete"], answer.json["code"]) == (422, "?1", "not_mp3")


@pytest.mark.parametrize("way", ["creation", "announced", "announced and complete", "careful", "length at the end"])
@pytest.mark.parametrize("version", [3, *VERSIONS])
async def test_r19_damaged_file_is_rejected_with_its_reason_after_any_last_request(
    rufh: Rufh, version: int | None, way: str
) -> None:
    client, known = Rufh(rufh.server, version), {"Upload-Length": str(len(DAMAGED))}
    more, last = flag(version, last=False), flag(version, last=True)
    if way == "creation":
        answer = await client.ask("POST", "/rufh/", last, DAMAGED)
        path = answer.location
    else:
        announced = known if way.startswith("announced") else {}
        path = (await client.ask("POST", "/rufh/", more | announced, DAMAGED[:5000])).location
        complete = {"announced": more, "length at the end": last | known}.get(way, last)
        answer = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": "5000", **complete}, DAMAGED[5000:])
        if way == "announced" and version not in (3, 5, 6):
            # For these versions the length alone does not complete the upload.
            assert answer.status == 204
            answer = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": str(len(DAMAGED)), **last})
    again = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": str(len(DAMAGED)), **last})
    for refused in (answer, again):
        assert (refused.status, refused.json["code"], refused.json["finding"]) == (422, "damaged", "sync_lost")
        assert "damaged inside" in refused.json["reason"]
        assert (
            flag(version, last=True).items() <= {name.title(): text for name, text in refused.headers.items()}.items()
        )
    assert (await client.head(path)).status == (await client.ask("DELETE", path, {})).status == 410


@pytest.mark.parametrize("version", [3, *VERSIONS])
async def test_r21_early_rejected_file_is_complete_for_the_next_append(
    rufh: Rufh, api: Api, version: int | None
) -> None:
    client = Rufh(rufh.server, version)
    more = flag(version, last=False)
    path = (await client.ask("POST", "/rufh/", more, b"words, words\n" * 160_000)).location
    async with asyncio.timeout(20):
        while (await api.show(path.rpartition("/")[2]))["state"] != "rejected":
            await asyncio.sleep(0.1)
    answer = await client.ask("PATCH", path, {**PATCH, "Upload-Offset": "2080000", **more}, b"more")
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")
    assert "another kind of file" in answer.json["reason"]
    assert flag(version, last=True).items() <= {name.title(): text for name, text in answer.headers.items()}.items()
