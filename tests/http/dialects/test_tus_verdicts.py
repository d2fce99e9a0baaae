"""Rejected files in tus 1.0: who is told, when, and with which reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.http.dialects.tus_client import BYTES, MIB, MP3, Tus
from tests.support.wire import request, send

if TYPE_CHECKING:
    from tests.support.api import Api


async def test_rejected_upload_returns_the_reason_to_patch_and_410_to_head(tus: Tus, api: Api) -> None:
    path = await tus.create(3000)
    answer = await tus.patch(path, 0, b"abc" * 1000)
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")
    again = await tus.patch(path, 3000, b"")
    assert (again.status, again.json["reason"]) == (422, answer.json["reason"])
    assert (await tus.head(path)).status == (await tus.ask("DELETE", path)).status == 410
    assert (await api.show(path.rpartition("/")[2]))["problem"]["code"] == "not_mp3"


async def test_a_damaged_file_is_refused_with_its_finding(tus: Tus) -> None:
    damaged = MP3[:9000] + bytes(9000) + MP3[18_000:]
    announced = {**BYTES, "Upload-Length": str(len(damaged))}
    path = await tus.create(len(damaged))
    await tus.patch(path, 0, damaged[:20_000])
    for answer in (
        await tus.patch(path, 20_000, damaged[20_000:]),
        await tus.patch(path, len(damaged), b""),
        await tus.ask("POST", "/tus/", announced, damaged),
    ):
        assert (answer.status, answer.json["code"], answer.json["finding"]) == (422, "damaged", "sync_lost")


async def test_early_rejected_file_returns_the_reason_to_the_next_patch(tus: Tus, api: Api) -> None:
    path = await tus.create(16 * MIB)
    assert (await tus.patch(path, 0, b"words, words\n" * 160_000)).status == 204
    await rejected(api, path)
    answer = await tus.patch(path, 2_080_000, b"more")
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")
    assert (await tus.head(path)).status == 410


async def test_running_patch_gets_the_early_rejection(tus: Tus) -> None:
    path = await tus.create(40 * MIB)
    head = request("PATCH", path, {**BYTES, "Upload-Offset": "0"}, length=40 * MIB)
    answer = await send(tus.server.port, head, *[b"words, words, no sound\n\n" * 43_690] * 36, pause=0.05)
    assert (answer.status, answer.json["code"]) == (422, "not_mp3")


async def rejected(api: Api, path: str) -> None:
    """Wait until the upload is rejected."""
    async with asyncio.timeout(60):
        while (await api.show(path.rpartition("/")[2]))["state"] != "rejected":
            await asyncio.sleep(0.02)
