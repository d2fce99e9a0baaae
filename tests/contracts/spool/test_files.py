"""Suite of `core.ports.spool.Spool`: files whole from the moment their names are seen, never one over another."""

from __future__ import annotations

import asyncio
import hashlib
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.core.files import ObjectRange, RewritePlan, Source
from tests.contracts.spool.adapters import AUDIO

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.files import AssembledFile
    from media_service.core.ports.spool import Spool
    from tests.contracts.spool.adapters import SpoolPlace

LONG_AUDIO = random.Random(6).randbytes(8_000_000)
UNTAGGED = RewritePlan(b"", 0)


async def assembled(spool: Spool, source: Source, upload_id: str = "a") -> AssembledFile:
    return await spool.assemble(upload_id, source, UNTAGGED, source.path.stat().st_size)


async def stored(spool: Spool, name: str) -> bytes | None:
    """Return the bytes that a client gets."""
    content = await spool.content(name)
    return None if content is None else b"".join([piece async for piece in content.read(0, content.size)])


async def test_untagged_file_has_the_bytes_of_its_source(spool: Spool, source: Source) -> None:
    made = await assembled(spool, source)
    assert (made.size, made.sha256) == (len(AUDIO), hashlib.sha256(AUDIO).digest())
    assert await spool.publish("a", "show.mp3")
    assert await stored(spool, "show.mp3") == AUDIO == source.path.read_bytes()


async def test_without_a_length_the_whole_source_is_used(spool: Spool, source: Source) -> None:
    assert (await spool.assemble("a", source, UNTAGGED, None)).size == len(AUDIO)


async def test_finished_file_is_measured_as_it_lies_there(spool: Spool, place: SpoolPlace, source: Source) -> None:
    made = await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    assert await spool.measure("show.mp3") == (made.size, made.sha256)
    await place.write("show.mp3", b"changed")
    assert await spool.measure("show.mp3") == (7, hashlib.sha256(b"changed").digest())


async def test_discarded_file_is_gone_and_its_readers_keep_the_bytes(
    spool: Spool, place: SpoolPlace, source: Source
) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    content = await spool.content("show.mp3")
    assert content is not None
    async with aclosing(content.read(0, len(AUDIO))) as reader:
        first = await anext(reader)
        await spool.discard("show.mp3")
        await spool.discard("show.mp3")
        assert await place.names() == []
        assert first + b"".join([piece async for piece in reader]) == AUDIO


@pytest.mark.parametrize("audio", [AUDIO, LONG_AUDIO], ids=["short", "long"])
@pytest.mark.parametrize(("head", "tail"), [(b"HEAD" * 1000, b""), (b"HEAD", b"TAIL" * 32), (b"", b"")])
async def test_head_replaces_the_bytes_before_the_cut_and_tail_the_last_ones(
    spool: Spool, place: SpoolPlace, audio: bytes, head: bytes, tail: bytes
) -> None:
    source = await place.source("b.partial", audio)
    made = await spool.assemble("a", source, RewritePlan(head, 300, tail), len(audio))
    await spool.publish("a", "show.mp3")
    expected = head + audio[300 : len(audio) - len(tail)] + tail
    assert await stored(spool, "show.mp3") == expected
    assert (made.size, made.sha256) == (len(expected), hashlib.sha256(expected).digest())


async def test_bytes_after_the_length_are_not_copied(spool: Spool, source: Source) -> None:
    made = await spool.assemble("a", source, UNTAGGED, 500)
    assert (made.size, made.sha256) == (500, hashlib.sha256(AUDIO[:500]).digest())


async def test_assembling_again_starts_over(spool: Spool, place: SpoolPlace, source: Source) -> None:
    await spool.assemble("a", source, RewritePlan(b"first", 0), len(AUDIO))
    next_spool = await place.spool()
    made = await next_spool.assemble("a", source, RewritePlan(b"second", 0), len(AUDIO))
    assert made.sha256 == hashlib.sha256(b"second" + AUDIO).digest()
    await next_spool.publish("a", "show.mp3")
    assert await stored(next_spool, "show.mp3") == b"second" + AUDIO


async def test_missing_source_is_file_not_found(spool: Spool, source: Source, tmp_path: Path) -> None:
    missing = (ObjectRange("missing", 0, 10),)
    with pytest.raises(FileNotFoundError):
        await spool.assemble("a", Source(tmp_path / "missing", missing), UNTAGGED, 10)
    assert await spool.list_assembled() == []


async def test_short_source_is_an_error_and_leaves_no_file(spool: Spool, place: SpoolPlace, source: Source) -> None:
    with pytest.raises(StorageError):
        await spool.assemble("a", source, UNTAGGED, len(AUDIO) + 1)
    assert (await place.names(), await spool.list_assembled()) == ([], [])
    assert (await assembled(spool, source)).size == len(AUDIO)


async def test_second_file_of_a_name_gets_a_number(spool: Spool, place: SpoolPlace, source: Source) -> None:
    await assembled(spool, source, "a")
    await assembled(spool, await place.source("b.partial", b"another"), "b")
    first, second = spool.candidate_names("show.mp3", 1, 2)
    assert (first, second) == ("show.mp3", "show (2).mp3")
    assert await spool.publish("a", first)
    assert not await spool.publish("b", first)
    assert await spool.publish("b", second)
    assert (await stored(spool, first), await stored(spool, second)) == (AUDIO, b"another")


async def test_candidate_names_start_at_any_number(spool: Spool) -> None:
    assert spool.candidate_names("show.mp3", 65, 2) == ["show (65).mp3", "show (66).mp3"]


async def test_existing_file_is_not_replaced(spool: Spool, place: SpoolPlace, source: Source) -> None:
    await place.write("show.mp3", b"theirs")
    await assembled(spool, source)
    assert not await spool.publish("a", "show.mp3")
    assert await stored(spool, "show.mp3") == b"theirs"
    assert await spool.is_assembled("a")


async def test_the_same_bytes_of_another_upload_do_not_get_its_name(spool: Spool, source: Source) -> None:
    for upload_id in ("a", "b"):
        await assembled(spool, source, upload_id)
    assert await spool.publish("a", "show.mp3")
    assert not await spool.publish("b", "show.mp3")


async def test_one_of_many_concurrent_publishes_gets_the_name(spool: Spool, place: SpoolPlace, source: Source) -> None:
    spools = [spool, await place.spool()]
    ids = [str(number) for number in range(8)]
    for upload_id in ids:
        await assembled(spool, source, upload_id)
    got = await asyncio.gather(*(spools[int(upload_id) % 2].publish(upload_id, "show.mp3") for upload_id in ids))
    assert sorted(got) == [False] * 7 + [True]
    assert sorted(await spool.list_assembled()) == [
        upload_id for upload_id, mine in zip(ids, got, strict=True) if not mine
    ]


async def test_file_is_assembled_until_published(spool: Spool, place: SpoolPlace, source: Source) -> None:
    assert not await spool.is_assembled("a")
    await assembled(spool, source)
    next_spool = await place.spool()
    assert await next_spool.is_assembled("a")
    assert await place.names() == []
    await spool.publish("a", "show.mp3")
    assert not await next_spool.is_assembled("a")
    assert await next_spool.list_assembled() == []
    assert await place.names() == ["show.mp3"]


async def test_published_file_that_was_taken_is_no_longer_assembled(
    spool: Spool, place: SpoolPlace, source: Source
) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await place.take("show.mp3")
    assert not await (await place.spool()).is_assembled("a")


async def test_discarding_after_publishing_keeps_the_file_and_can_be_repeated(spool: Spool, source: Source) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await spool.discard_assembled("a")
    await spool.discard_assembled("a")
    assert await stored(spool, "show.mp3") == AUDIO


async def test_discarding_an_unpublished_file_leaves_nothing(spool: Spool, place: SpoolPlace, source: Source) -> None:
    await assembled(spool, source)
    assert await spool.list_assembled() == ["a"]
    await spool.discard_assembled("a")
    assert await spool.list_assembled() == []
    assert await place.names() == []


async def test_replaced_file_can_still_be_read_by_an_open_reader(
    spool: Spool, place: SpoolPlace, source: Source
) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    content = await spool.content("show.mp3")
    assert content is not None
    async with spool.reading("show.mp3") as finished:
        await spool.assemble("b", finished, RewritePlan(b"HEAD", 300), None)
    async with aclosing(content.read(0, len(AUDIO))) as reader:
        first = await anext(reader)
        await spool.replace("b", "show.mp3")
        assert first + b"".join([piece async for piece in reader]) == AUDIO
    expected = b"HEAD" + AUDIO[300:]
    assert await stored(spool, "show.mp3") == expected
    assert await spool.measure("show.mp3") == (len(expected), hashlib.sha256(expected).digest())
    assert (await place.names(), await spool.list_assembled()) == (["show.mp3"], [])


async def test_file_that_was_taken_is_not_replaced(spool: Spool, place: SpoolPlace, source: Source) -> None:
    await assembled(spool, source)
    with pytest.raises(FileNotFoundError):
        await spool.replace("a", "show.mp3")
    assert (await place.names(), await spool.list_assembled()) == ([], ["a"])
    assert await spool.measure("show.mp3") is None


async def test_finished_file_is_read_locally(spool: Spool, source: Source) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    async with spool.reading("show.mp3") as reading:
        assert reading.path.read_bytes() == AUDIO
    async with spool.reading("show.mp3", tags_only=True) as reading:
        assert reading.path.stat().st_size == len(AUDIO)


async def test_tags_at_both_ends_are_read_without_the_rest(spool: Spool, place: SpoolPlace) -> None:
    sizes = (90_000, 700_000)
    fields = [bytes([0, size >> 14 & 127, size >> 7 & 127, size & 127]) for size in sizes]
    leading = [b"ID3\4\0\0" + field + bytes([7]) * size for field, size in zip(fields, sizes, strict=True)]
    audio = b"".join(leading) + LONG_AUDIO
    await assembled(spool, await place.source("b.partial", audio))
    await spool.publish("a", "show.mp3")
    async with spool.reading("show.mp3", tags_only=True) as reading:
        data = reading.path.read_bytes()
    assert len(data) == len(audio)
    assert data[:791_000] == audio[:791_000]
    assert data[-1_000_000:] == audio[-1_000_000:]


async def test_content_is_read_in_any_span_and_known_by_its_etag(spool: Spool, source: Source) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    content = await spool.content("show.mp3")
    assert content is not None
    for start, stop in ((0, 1), (99_990, 100_000), (10, 50_000), (5, 5)):
        assert b"".join([piece async for piece in content.read(start, stop)]) == AUDIO[start:stop]
    await spool.assemble("b", source, RewritePlan(b"HEAD", 0), None)
    await spool.replace("b", "show.mp3")
    with pytest.raises(FileNotFoundError):
        _ = [piece async for piece in content.read(0, 10)]
    replaced = await spool.content("show.mp3")
    assert replaced is not None
    assert (replaced.size, replaced.etag != content.etag) == (len(AUDIO) + 4, True)
    assert content.modified <= replaced.modified


async def test_what_its_reader_has_taken_cannot_be_read(spool: Spool) -> None:
    assert await spool.content("show.mp3") is None
    with pytest.raises(FileNotFoundError):
        async with spool.reading("show.mp3"):
            pass
