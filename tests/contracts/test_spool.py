"""Suite of `core.ports.spool.Spool`: files whole from the moment their names are seen, never one over another."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError
from media_service.core.files import RewritePlan
from media_service.storage.spool import DiskSpool
from tests.contracts.wrappers import plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media_service.core.files import AssembledFile
    from media_service.core.ports.spool import Spool

AUDIO = random.Random(5).randbytes(100_000)
UNTAGGED = RewritePlan(b"", 0)
ADAPTERS: dict[str, Callable[[Any], Any]] = {"disk": plain, "wrapped": lambda spool: wrapped(spool, "assemble")}


@pytest.fixture
def restart(tmp_path: Path) -> Callable[[], Spool]:
    """Return what starts the spool of the next process."""
    return lambda: DiskSpool(tmp_path / "spool")


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    spool = DiskSpool(tmp_path / "spool")
    await spool.prepare()
    return ADAPTERS[request.param](spool)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(AUDIO)
    return path


def finished(spool: Spool) -> list[str]:
    """Return the names that a reader sees."""
    return sorted(path.name for path in spool.path("x").parent.iterdir())


async def assembled(spool: Spool, source: Path, upload_id: str = "a") -> AssembledFile:
    return await spool.assemble(upload_id, source, UNTAGGED, source.stat().st_size)


async def test_untagged_file_has_the_bytes_of_its_source(spool: Spool, source: Path) -> None:
    made = await assembled(spool, source)
    assert (made.size, made.sha256) == (len(AUDIO), hashlib.sha256(AUDIO).digest())
    assert await spool.publish("a", "show.mp3")
    assert spool.path("show.mp3").read_bytes() == AUDIO == source.read_bytes()


async def test_without_a_length_the_whole_source_is_used(spool: Spool, source: Path) -> None:
    assert (await spool.assemble("a", source, UNTAGGED, None)).size == len(AUDIO)


async def test_finished_file_is_measured_as_it_lies_there(spool: Spool, source: Path) -> None:
    made = await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    assert await spool.measure("show.mp3") == (made.size, made.sha256)
    spool.path("show.mp3").write_bytes(b"changed")
    assert await spool.measure("show.mp3") == (7, hashlib.sha256(b"changed").digest())


async def test_discarded_file_is_gone_and_its_readers_keep_the_bytes(spool: Spool, source: Path) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    with spool.path("show.mp3").open("rb") as reader:
        await spool.discard("show.mp3")
        await spool.discard("show.mp3")
        assert finished(spool) == []
        assert reader.read() == AUDIO


async def test_head_replaces_the_bytes_before_the_cut(spool: Spool, source: Path) -> None:
    made = await spool.assemble("a", source, RewritePlan(b"HEAD" * 1000, 300), len(AUDIO))
    await spool.publish("a", "show.mp3")
    expected = b"HEAD" * 1000 + AUDIO[300:]
    assert spool.path("show.mp3").read_bytes() == expected
    assert (made.size, made.sha256) == (len(expected), hashlib.sha256(expected).digest())


async def test_tail_replaces_the_last_bytes(spool: Spool, source: Path) -> None:
    made = await spool.assemble("a", source, RewritePlan(b"HEAD", 300, b"TAIL" * 32), len(AUDIO))
    await spool.publish("a", "show.mp3")
    expected = b"HEAD" + AUDIO[300:-128] + b"TAIL" * 32
    assert spool.path("show.mp3").read_bytes() == expected
    assert (made.size, made.sha256) == (len(expected), hashlib.sha256(expected).digest())


async def test_bytes_after_the_length_are_not_copied(spool: Spool, source: Path) -> None:
    made = await spool.assemble("a", source, UNTAGGED, 500)
    assert (made.size, made.sha256) == (500, hashlib.sha256(AUDIO[:500]).digest())


async def test_assembling_again_starts_over(spool: Spool, restart: Callable[[], Spool], source: Path) -> None:
    await spool.assemble("a", source, RewritePlan(b"first", 0), len(AUDIO))
    made = await restart().assemble("a", source, RewritePlan(b"second", 0), len(AUDIO))
    assert made.sha256 == hashlib.sha256(b"second" + AUDIO).digest()


async def test_missing_source_is_file_not_found(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await spool.assemble("a", tmp_path / "missing", UNTAGGED, 10)


async def test_short_source_is_an_error_and_leaves_no_file(spool: Spool, source: Path) -> None:
    with pytest.raises(StorageError):
        await spool.assemble("a", source, UNTAGGED, len(AUDIO) + 1)
    assert finished(spool) == []
    assert (await assembled(spool, source)).size == len(AUDIO)


async def test_second_file_of_a_name_gets_a_number(spool: Spool, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.partial"
    other.write_bytes(b"another")
    await assembled(spool, source, "a")
    await assembled(spool, other, "b")
    first, second = spool.candidate_names("show.mp3", 1, 2)
    assert (first, second) == ("show.mp3", "show (2).mp3")
    assert await spool.publish("a", first)
    assert not await spool.publish("b", first)
    assert await spool.publish("b", second)
    assert (spool.path(first).read_bytes(), spool.path(second).read_bytes()) == (AUDIO, b"another")


async def test_candidate_names_start_at_any_number(spool: Spool) -> None:
    assert spool.candidate_names("show.mp3", 65, 2) == ["show (65).mp3", "show (66).mp3"]


async def test_existing_file_is_not_replaced(spool: Spool, source: Path) -> None:
    spool.path("show.mp3").write_bytes(b"theirs")
    await assembled(spool, source)
    assert not await spool.publish("a", "show.mp3")
    assert spool.path("show.mp3").read_bytes() == b"theirs"
    assert await spool.is_assembled("a")


async def test_one_of_many_concurrent_publishes_gets_the_name(spool: Spool, source: Path) -> None:
    ids = [str(number) for number in range(8)]
    for upload_id in ids:
        await assembled(spool, source, upload_id)
    got = await asyncio.gather(*(spool.publish(upload_id, "show.mp3") for upload_id in ids))
    assert sorted(got) == [False] * 7 + [True]


async def test_file_is_assembled_until_published(spool: Spool, restart: Callable[[], Spool], source: Path) -> None:
    assert not await spool.is_assembled("a")
    await assembled(spool, source)
    assert await restart().is_assembled("a")
    assert finished(spool) == []
    await spool.publish("a", "show.mp3")
    assert not await restart().is_assembled("a")
    assert await restart().list_assembled() == []
    assert finished(spool) == ["show.mp3"]


async def test_published_file_that_was_taken_is_no_longer_assembled(
    spool: Spool, restart: Callable[[], Spool], source: Path, tmp_path: Path
) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    spool.path("show.mp3").rename(tmp_path / "taken.mp3")
    assert not await restart().is_assembled("a")


async def test_discarding_after_publishing_keeps_the_file_and_can_be_repeated(spool: Spool, source: Path) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await spool.discard_assembled("a")
    await spool.discard_assembled("a")
    assert spool.path("show.mp3").read_bytes() == AUDIO


async def test_discarding_an_unpublished_file_leaves_nothing(spool: Spool, source: Path) -> None:
    await assembled(spool, source)
    assert await spool.list_assembled() == ["a"]
    await spool.discard_assembled("a")
    assert await spool.list_assembled() == []
    assert finished(spool) == []


async def test_replaced_file_can_still_be_read_by_an_open_reader(spool: Spool, source: Path) -> None:
    await assembled(spool, source)
    await spool.publish("a", "show.mp3")
    await spool.assemble("b", spool.path("show.mp3"), RewritePlan(b"HEAD", 300), None)
    with spool.path("show.mp3").open("rb") as reader:
        await spool.replace("b", "show.mp3")
        assert reader.read() == AUDIO
    expected = b"HEAD" + AUDIO[300:]
    assert spool.path("show.mp3").read_bytes() == expected
    assert await spool.measure("show.mp3") == (len(expected), hashlib.sha256(expected).digest())
    assert (finished(spool), await spool.list_assembled()) == (["show.mp3"], [])


async def test_file_that_was_taken_is_not_replaced(spool: Spool, source: Path) -> None:
    await assembled(spool, source)
    with pytest.raises(FileNotFoundError):
        await spool.replace("a", "show.mp3")
    assert (finished(spool), await spool.list_assembled()) == ([], ["a"])
    assert await spool.measure("show.mp3") is None
