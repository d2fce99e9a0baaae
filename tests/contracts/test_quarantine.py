"""Suite of `core.ports.quarantine.Quarantine`: rejected files and their reports, kept for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.contracts.quarantines import open_place
from tests.contracts.wrappers import byte_adapters
from tests.support.s3 import Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.files import Source
    from media_service.core.ports.quarantine import Quarantine
    from tests.contracts.quarantines import QuarantinePlace

__all__ = ["buckets"]

REPORT = {"upload": "a", "code": "not_mp3", "reason": "글이다"}
ADAPTERS = byte_adapters("add")


@pytest.fixture(params=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def place(adapter: str, buckets: Buckets, tmp_path: Path) -> AsyncIterator[QuarantinePlace]:
    async with open_place(adapter, buckets, tmp_path) as place:
        yield place


@pytest_asyncio.fixture
async def quarantine(adapter: str, place: QuarantinePlace) -> Any:
    return ADAPTERS[adapter](await place.quarantine())


@pytest_asyncio.fixture
async def source(place: QuarantinePlace) -> Source:
    return await place.source(b"no music")


async def stored(quarantine: Quarantine) -> bytes | None:
    """Return the bytes that a client gets."""
    content = await quarantine.content("a")
    return None if content is None else b"".join([piece async for piece in content.read(0, content.size)])


async def test_bytes_and_report_are_kept_and_the_source_stays(
    quarantine: Quarantine, place: QuarantinePlace, source: Source
) -> None:
    await quarantine.add("a", source, REPORT)
    assert await stored(quarantine) == await place.received() == b"no music"
    assert await place.report("a") == REPORT


async def test_the_bytes_outlive_their_partial(quarantine: Quarantine, place: QuarantinePlace, source: Source) -> None:
    await quarantine.add("a", source, REPORT)
    await place.delete_source()
    assert await stored(quarantine) == b"no music"


async def test_nothing_stored_has_no_content(quarantine: Quarantine) -> None:
    assert await stored(quarantine) is None


async def test_adding_again_replaces_the_report(quarantine: Quarantine, place: QuarantinePlace, source: Source) -> None:
    await quarantine.add("a", source, REPORT)
    await quarantine.add("a", source, REPORT | {"code": "too_costly"})
    assert await place.kept() == ["a"]
    assert (await place.report("a"))["code"] == "too_costly"


async def test_bytes_that_came_since_are_added(quarantine: Quarantine, place: QuarantinePlace) -> None:
    for received in (b"no mu", b"no music"):
        await quarantine.add("a", await place.source(received), REPORT)
    content = await quarantine.content("a")
    assert content is not None
    assert b"".join([piece async for piece in content.read(0, content.size)]) == b"no music"


async def test_missing_source_is_file_not_found(quarantine: Quarantine, place: QuarantinePlace, source: Source) -> None:
    await place.delete_source()
    with pytest.raises(FileNotFoundError):
        await quarantine.add("a", source, REPORT)


async def test_report_may_contain_values_without_a_json_type(
    quarantine: Quarantine, place: QuarantinePlace, source: Source
) -> None:
    await quarantine.add("a", source, {"path": source.path})
    assert await place.report("a") == {"path": str(source.path)}


async def test_size_is_that_of_the_kept_bytes(quarantine: Quarantine, source: Source) -> None:
    assert await quarantine.size("a") is None
    await quarantine.add("a", source, REPORT)
    assert await quarantine.size("a") == len(b"no music")


async def test_restored_bytes_stay_in_quarantine(
    quarantine: Quarantine, place: QuarantinePlace, source: Source
) -> None:
    await quarantine.add("a", source, REPORT)
    for _ in range(2):
        await quarantine.restore("a")
    assert await place.restored("a") == await stored(quarantine) == b"no music"


async def test_nothing_to_restore_is_file_not_found(quarantine: Quarantine) -> None:
    with pytest.raises(FileNotFoundError):
        await quarantine.restore("a")


async def test_discard_deletes_bytes_and_report_and_can_be_repeated(
    quarantine: Quarantine, place: QuarantinePlace, source: Source
) -> None:
    for upload_id in ("a", "b"):
        await quarantine.add(upload_id, source, REPORT)
    for _ in range(2):
        await quarantine.discard("a")
    assert await quarantine.size("a") is None
    assert await place.kept() == ["b"]


async def test_purge_deletes_only_what_was_taken_before(
    quarantine: Quarantine, place: QuarantinePlace, source: Source
) -> None:
    await quarantine.add("old", source, REPORT)
    between = await place.next_moment()
    await quarantine.add("new", source, REPORT)
    assert await quarantine.purge(between) == ["old"]
    assert await place.kept() == ["new"]
    assert await quarantine.purge(between) == []


async def test_report_without_its_file_is_purged(
    quarantine: Quarantine, place: QuarantinePlace, source: Source
) -> None:
    await quarantine.add("a", source, REPORT)
    await place.delete_bytes("a")
    assert await quarantine.purge(await place.next_moment()) == ["a"]
    assert await place.kept() == []
