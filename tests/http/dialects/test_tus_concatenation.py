"""The concatenation extension of tus 1.0, requirement by requirement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.http.dialects.tus_client import BYTES, MIB, MP3, VERSION, Tus, metadata
from tests.support.mp3 import make_mp3_of

if TYPE_CHECKING:
    from tests.support.api import Api
    from tests.support.server import Server
    from tests.support.wire import WireResponse


class Parts:
    """Two complete partial uploads that form one file."""

    def __init__(self, tus: Tus) -> None:
        self.tus = tus
        self.paths: list[str] = []

    async def make(self, *pieces: bytes) -> str:
        for piece in pieces:
            path = await self.tus.create(len(piece), Upload_Concat="partial", **metadata(filename="part.mp3"))
            assert (await self.tus.patch(path, 0, piece)).offset == len(piece)
            self.paths.append(path)
        return f"final;{' '.join(self.paths)}"

    async def join(self, concat: str, headers: dict[str, str] | None = None, body: bytes = b"") -> WireResponse:
        return await self.tus.ask("POST", "/tus/", {**VERSION, "Upload-Concat": concat, **(headers or {})}, body)


@pytest.fixture
def parts(tus: Tus) -> Parts:
    return Parts(tus)


async def test_n1_n8_partial_upload_is_not_finished_as_a_file(parts: Parts, api: Api) -> None:
    await parts.make(MP3)
    answer = await parts.tus.head(parts.paths[0])
    assert (answer.offset, answer["Upload-Concat"]) == (len(MP3), "partial")
    assert (await api.show(parts.paths[0].rpartition("/")[2]))["state"] == "receiving"


async def test_n2_n4_n6_n9_n10_parts_become_one_file_in_their_order(parts: Parts, api: Api) -> None:
    concat = await parts.make(MP3[1000:], MP3[:1000])
    first, second = parts.paths
    concat = f"final;http://elsewhere.example{second} {first}/"
    answer = await parts.join(concat, metadata(filename="joined.mp3"))
    assert (answer.status, (answer["Upload-Result"] or "")[-8:]) == (201, "=spooled")
    head = await parts.tus.head(answer.location)
    assert (head.offset, head["Upload-Length"], head["Upload-Concat"]) == (len(MP3), str(len(MP3)), concat)
    assert parts.tus.server.store.read("joined.mp3").endswith(MP3)
    assert (await api.show(answer.location.rpartition("/")[2]))["filename"] == "joined.mp3"
    assert [(await parts.tus.head(path)).status for path in parts.paths] == [410, 410]


async def test_n3_n11_final_upload_with_a_length_or_a_body_is_refused(parts: Parts) -> None:
    concat = await parts.make(MP3)
    assert (await parts.join(concat, {"Upload-Length": "5"})).status == 400
    assert (await parts.join(concat, BYTES, b"abc")).status == 403
    assert await parts.tus.offset(parts.paths[0]) == len(MP3)


async def test_n3_the_sum_is_within_the_limit(small_server: Server) -> None:
    parts = Parts(Tus(small_server))
    whole = make_mp3_of(11 * MIB, seed=73)
    assert (await parts.join(await parts.make(whole, whole))).status == 413


async def test_n4_a_part_is_listed_once(parts: Parts) -> None:
    await parts.make(MP3)
    answer = await parts.join(f"final;{parts.paths[0]} {parts.paths[0]}", metadata(filename="twice over.mp3"))
    assert answer.status == 400
    assert (await parts.tus.head(parts.paths[0])).offset == len(MP3)


async def test_n5_unfinished_parts_are_refused(parts: Parts) -> None:
    path = await parts.tus.create(100, Upload_Concat="partial")
    assert 400 <= (await parts.join(f"final;{path}")).status < 500
    assert (await parts.tus.head(path)).offset == 0


@pytest.mark.parametrize("value", ["final;", "final", "whole", "final;/tus/../../etc/passwd", "final;/tus/nobody"])
async def test_n2_concat_without_valid_parts_is_refused(parts: Parts, value: str) -> None:
    assert (await parts.join(value)).status in (400, 404)


async def test_n2_regular_upload_as_a_part_is_refused(parts: Parts) -> None:
    path = await parts.tus.create(100)
    assert (await parts.join(f"final;{path}")).status == 400


async def test_n7_patch_of_a_final_upload_is_refused(parts: Parts) -> None:
    answer = await parts.join(await parts.make(MP3))
    refused = await parts.tus.patch(answer.location, len(MP3), b"x")
    assert (refused.status, refused.json["code"]) == (403, "not_writable")


async def test_n12_sixty_four_parts_are_concatenated(tus: Tus) -> None:
    parts = Parts(tus)
    step = -(-len(MP3) // 64)
    concat = await parts.make(*(MP3[at : at + step] for at in range(0, len(MP3), step)))
    answer = await parts.join(concat, metadata(filename="many.mp3"))
    assert answer.status == 201
    assert tus.server.store.read("many.mp3").endswith(MP3)
