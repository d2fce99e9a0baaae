"""Clients that exhaust disk, catalogue or time are refused or limited, and others continue."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import aiohttp

from media_service.core.concatenation import MAX_PARTS
from tests.support.api import MIB, Api
from tests.support.full_disk import SmallDisk, small_disk
from tests.support.mp3 import make_mp3_of
from tests.support.server import Server

DISK = 96 * MIB
RESERVE = 16 * MIB
TUS = {"Tus-Resumable": "1.0.0"}
APPEND = TUS | {"Content-Type": "application/offset+octet-stream"}
KIB = 1024


def api_of(server: Server, session: aiohttp.ClientSession) -> Api:
    return Api(session, server.url, server.token)


async def create_tus(api: Api, **headers: str) -> str:
    """Return the path of a new tus upload."""
    response = await api.request("POST", "/tus/", headers=TUS | headers)
    assert response.status == 201, response
    return response.headers["Location"]


async def test_announced_lengths_reserve_no_disk_space(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with small_disk(tmp_path / "disk", DISK, disk_reserve=RESERVE) as disk:
        api = api_of(disk.server, session)
        await api.create("first.mp3", MIB)
        before = disk.room
        for number in range(20):
            await api.create(f"hog {number}.mp3", (50 - number) * MIB)
        assert before - disk.room <= 22 * MIB, "each creation reserves 1 MiB"
        data = make_mp3_of(12 * MIB, seed=201)
        upload = await api.create("honest.mp3", len(data))
        assert (await api.send_all(upload["id"], data))["state"] == "spooled"


async def test_reservation_grows_with_received_bytes(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with small_disk(tmp_path / "disk", DISK) as disk:
        api = api_of(disk.server, session)
        upload = await api.create("big.mp3", 60 * MIB)
        before = disk.room
        data = make_mp3_of(16 * MIB, seed=202)
        for offset in range(0, 8 * MIB, MIB):
            assert (await api.post(upload["id"], offset, data[offset : offset + MIB])).status == 200
        assert 8 * MIB <= before - disk.room <= 18 * MIB, "twice what came, and a MiB"
        # A slice at the end of the file reserves no space for all bytes before it.
        assert (await api.post(upload["id"], 59 * MIB, data[:MIB])).status == 200
        assert before - disk.room <= 20 * MIB
        disk.fill(leave=0)
        for offset in range(8 * MIB, 12 * MIB, MIB):
            response = await api.post(upload["id"], offset, data[offset : offset + MIB])
            assert response.status == 200, "it has its room already"
        disk.free()


async def test_uploads_of_unknown_length_leave_the_reserve_free(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with small_disk(tmp_path / "disk", DISK, disk_reserve=RESERVE) as disk:
        api = api_of(disk.server, session)
        data = make_mp3_of(DISK, seed=203)
        paths = [await create_tus(api, **{"Upload-Defer-Length": "1"}) for _ in range(6)]

        async def send(path: str) -> int:
            response = await api.request("PATCH", path, data=io.BytesIO(data), headers=APPEND | {"Upload-Offset": "0"})
            return response.status

        assert set(await asyncio.gather(*map(send, paths))) == {507}
        assert disk.room >= RESERVE - MIB, "the catalogue may have grown meanwhile"
        disk.fill(leave=RESERVE - 64 * KIB)
        assert (await api.get("/ready")).status == 503
        kept = 0
        for path in paths:
            response = await api.request("HEAD", path, headers=TUS)
            assert response.status == 200
            kept += int(response.headers["Upload-Offset"])
        assert kept > DISK // 3, "what was recorded is kept"
        for path in paths:
            assert (await api.request("DELETE", path, headers=TUS)).status == 204
        disk.free()
        assert (await api.get("/ready")).status == 200


async def fill_up(disk: SmallDisk, api: Api) -> list[str]:
    """Fill the disk with uploads of unknown length; return their ids. The catalogue needs more space."""
    data = make_mp3_of(4 * MIB, seed=204)
    paths = [await create_tus(api, **{"Upload-Defer-Length": "1"}) for _ in range(12)]
    disk.fill(leave=0)
    for path in paths:
        response = await api.request("PATCH", path, data=io.BytesIO(data), headers=APPEND | {"Upload-Offset": "0"})
        assert response.status == 507
    # Tags of 8 KiB each, until the write-ahead log has no free page.
    for _ in range(1000):
        tags = {"comment": "x" * 8000}
        response = await api.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": 1, "tags": tags})
        if response.status == 507:
            break
    assert disk.room == 0
    return paths


async def test_uploads_are_cancelled_on_a_full_disk(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with small_disk(tmp_path / "disk", DISK) as disk:
        api = api_of(disk.server, session)
        data = make_mp3_of(4 * MIB, seed=205)
        hog = await create_tus(api, **{"Upload-Defer-Length": "1"})
        response = await api.request("PATCH", hog, data=io.BytesIO(data), headers=APPEND | {"Upload-Offset": "0"})
        assert response.status == 204
        paths = await fill_up(disk, api)
        for path in (*paths, hog):
            assert (await api.request("DELETE", path, headers=TUS)).status == 204, "at once, without a restart"
        async with asyncio.timeout(10):
            # The sidecar closes partials a moment later.
            while disk.room < 3 * MIB:
                await asyncio.sleep(0.05)
        small = make_mp3_of(MIB, seed=206)
        upload = await api.create("next.mp3", len(small))
        assert (await api.send_all(upload["id"], small))["state"] == "spooled"


async def test_uploads_expire_on_a_full_disk(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with small_disk(tmp_path / "disk", DISK, upload_lifetime=4, sweep_interval=1) as disk:
        api = api_of(disk.server, session)
        paths = await fill_up(disk, api)
        async with asyncio.timeout(30):
            for path in paths:
                while (await api.request("HEAD", path, headers=TUS)).status != 410:
                    await asyncio.sleep(0.2)


async def test_a_file_is_rejected_on_a_full_disk(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with small_disk(tmp_path / "disk", DISK) as disk:
        api = api_of(disk.server, session)
        text = b"no mp3 at all\n" * 4096
        upload = await api.create("text.mp3", len(text))
        await fill_up(disk, api)
        response = await api.post(upload["id"], 0, text)
        if response.status == 507:
            # The slice's row had no space; it has after an upload has ended.
            disk.free()
            disk.fill(leave=64 * KIB)
            assert (await api.post(upload["id"], 0, text)).status == 200
        assert (await api.ended(upload["id"]))["state"] == "rejected"


async def test_open_uploads_of_one_address_are_limited(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with Server(tmp_path / "data", disk_reserve=0, uploads_per_address=5, bytes_per_address="64MiB") as server:
        api = api_of(server, session)

        async def create(length: int) -> tuple[int, str]:
            response = await api.request("POST", "/api/v1/uploads", json={"filename": "a.mp3", "length": length})
            return response.status, response.body.get("id", response.body.get("code"))

        made = await asyncio.gather(*(create(100) for _ in range(40)))
        ids = [told for status, told in made if status == 201]
        assert len(ids) == 5, "creations at the same moment cannot pass the limit together"
        assert {told for status, told in made if status != 201} == {"too_many_uploads"}
        refused = await api.request("POST", "/tus/", headers=TUS | {"Upload-Length": "5"})
        assert (refused.status, refused.headers["Retry-After"]) == (429, "2")
        server.restart()
        await api.get("/health")
        assert (await create(100))[1] == "too_many_uploads", "they are counted after a restart"
        await api.request("DELETE", f"/api/v1/uploads/{ids[0]}")
        assert (await create(65 * MIB)) == (413, "quota_exceeded")
        assert (await create(100))[0] == 201


async def test_quota_counts_bytes_without_an_announced_length(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    with Server(tmp_path / "data", disk_reserve=0, bytes_per_address="20MiB") as server:
        api = api_of(server, session)
        data = make_mp3_of(24 * MIB, seed=207)
        paths = [await create_tus(api, **{"Upload-Defer-Length": "1"}) for _ in range(3)]

        async def send(path: str) -> str:
            response = await api.request("PATCH", path, data=io.BytesIO(data), headers=APPEND | {"Upload-Offset": "0"})
            return response.code

        assert set(await asyncio.gather(*map(send, paths))) == {"quota_exceeded"}
        sizes = [int((await api.request("HEAD", path, headers=TUS)).headers["Upload-Offset"]) for path in paths]
        assert sum(sizes) <= 20 * MIB
        form = aiohttp.FormData()
        form.add_field("mp3", io.BytesIO(data), filename="form.mp3")
        assert (await api.request("POST", "/upload", data=form)).code == "quota_exceeded"
        for path in paths:
            await api.request("DELETE", path, headers=TUS)
        small = data[: 19 * MIB]
        form = aiohttp.FormData()
        form.add_field("mp3", io.BytesIO(small), filename="form.mp3")
        assert (await api.request("POST", "/upload", data=form)).status in (201, 422), "all of it is free again"
        path = await create_tus(api, **{"Upload-Defer-Length": "1"})
        length = {"Upload-Offset": "0", "Upload-Length": str(21 * MIB)}
        response = await api.request("PATCH", path, data=b"\xff", headers=APPEND | length)
        assert response.code == "quota_exceeded", "a length that is told later counts as one told at once"


async def test_tiny_slices_with_gaps_are_refused(api: Api) -> None:
    upload = await api.create("holes.mp3", 10 * MIB)
    for offset in range(0, 100, 2):
        response = await api.put(upload["id"], offset, b"x")
        assert (response.status, response.code) == (400, "slice_too_small")
        response = await api.post(upload["id"], offset, b"x")
        assert (response.status, response.code) == (400, "slice_too_small")
    assert (await api.show(upload["id"]))["received"] == []
    assert (await api.put(upload["id"], 10 * MIB - 5, b"x" * 5)).status == 200, "it ends the file"
    assert (await api.put(upload["id"], 10 * MIB - 8, b"x" * 3)).status == 200, "it fills a gap"
    await api.request("DELETE", f"/api/v1/uploads/{upload['id']}")


def processor_seconds(server: Server) -> float:
    """Return the processor time of the receivers."""
    ticks = 0
    for receiver in server.receivers:
        stat = Path(f"/proc/{receiver}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def test_many_gaps_take_bounded_time(api: Api, shared_server: Server) -> None:
    """4,096 slices of 16 KiB with gaps, each of which was once slower than the one before."""
    upload, block = await api.create("holes.mp3", 4096 * 32 * KIB), bytes(16 * KIB)
    used: list[float] = [processor_seconds(shared_server)]
    for first in range(0, 4096, 512):
        for number in range(first, first + 512, 8):
            batch = (api.put(upload["id"], (number + more) * 32 * KIB, block) for more in range(8))
            for response in await asyncio.gather(*batch):
                assert response.status == 200, response
                assert len(response.body["received"]) <= 256
        used.append(processor_seconds(shared_server))
    assert used[-1] - used[-2] < 2 * (used[2] - used[1]) + 0.3, "the last slices cost about what the first did"
    await api.request("DELETE", f"/api/v1/uploads/{upload['id']}")


async def test_a_part_is_concatenated_once(api: Api) -> None:
    data = make_mp3_of(64 * KIB, seed=208)
    part = await create_tus(api, **{"Upload-Concat": "partial", "Upload-Length": str(len(data))})
    response = await api.request("PATCH", part, data=data, headers=APPEND | {"Upload-Offset": "0"})
    assert response.status == 204
    for parts in ([part, part], [f"/tus/{number:022}" for number in range(MAX_PARTS + 1)]):
        response = await api.request("POST", "/tus/", headers=TUS | {"Upload-Concat": f"final;{' '.join(parts)}"})
        assert (response.status, response.code) == (400, "malformed")
    assert (await api.request("DELETE", part, headers=TUS)).status == 204
