"""Suite of `core.ports.quarantine.Quarantine`: rejected files and their reports, kept for a while."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.files import Source
from media_service.storage.quarantine import DiskQuarantine
from tests.contracts.wrappers import plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media_service.core.ports.quarantine import Quarantine

REPORT = {"upload": "a", "code": "not_mp3", "reason": "글이다"}
DAY = 86_400_000_000
ADAPTERS: dict[str, Callable[[Any], Any]] = {"disk": plain, "wrapped": lambda quarantine: wrapped(quarantine, "add")}


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def quarantine(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    quarantine = DiskQuarantine(tmp_path / "quarantine", lambda upload_id: tmp_path / f"{upload_id}.restored")
    await quarantine.prepare()
    return ADAPTERS[request.param](quarantine)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "a.partial"
    path.write_bytes(b"no music")
    return Source(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where a person finds the bytes, and the report beside them."""
    return tmp_path / "quarantine"


def report(folder: Path) -> Any:
    return json.loads((folder / "a.json").read_text("utf-8"))


def kept(folder: Path) -> list[str]:
    """Return the uploads of which anything is kept."""
    return sorted({path.stem for path in folder.iterdir()})


async def stored(quarantine: Quarantine) -> bytes | None:
    """Return the bytes that a client gets."""
    content = await quarantine.content("a")
    return None if content is None else b"".join([piece async for piece in content.read(0, content.size)])


async def add_at(quarantine: Quarantine, folder: Path, upload_id: str, source: Source, taken: int) -> None:
    """Add a file as if at this time."""
    await quarantine.add(upload_id, source, REPORT)
    os.utime(folder / f"{upload_id}.json", ns=(taken * 1000, taken * 1000))


async def test_bytes_and_report_are_kept_and_the_source_stays(
    quarantine: Quarantine, folder: Path, source: Source
) -> None:
    await quarantine.add("a", source, REPORT)
    assert await stored(quarantine) == source.path.read_bytes() == b"no music"
    assert report(folder) == REPORT


async def test_the_bytes_outlive_their_partial(quarantine: Quarantine, source: Source) -> None:
    await quarantine.add("a", source, REPORT)
    source.path.unlink()
    assert await stored(quarantine) == b"no music"


async def test_nothing_stored_has_no_content(quarantine: Quarantine) -> None:
    assert await stored(quarantine) is None


async def test_adding_again_replaces_the_report(quarantine: Quarantine, folder: Path, source: Source) -> None:
    await quarantine.add("a", source, REPORT)
    await quarantine.add("a", source, REPORT | {"code": "too_costly"})
    assert kept(folder) == ["a"]
    assert report(folder)["code"] == "too_costly"


async def test_missing_source_is_file_not_found(quarantine: Quarantine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await quarantine.add("a", Source(tmp_path / "missing"), REPORT)


async def test_report_may_contain_values_without_a_json_type(
    quarantine: Quarantine, folder: Path, source: Source
) -> None:
    await quarantine.add("a", source, {"path": source.path})
    assert report(folder) == {"path": str(source.path)}


async def test_size_is_that_of_the_kept_bytes(quarantine: Quarantine, source: Source) -> None:
    assert await quarantine.size("a") is None
    await quarantine.add("a", source, REPORT)
    assert await quarantine.size("a") == len(b"no music")


async def test_restored_bytes_stay_in_quarantine(quarantine: Quarantine, source: Source, tmp_path: Path) -> None:
    await quarantine.add("a", source, REPORT)
    for _ in range(2):
        await quarantine.restore("a")
    assert (tmp_path / "a.restored").read_bytes() == await stored(quarantine) == b"no music"


async def test_nothing_to_restore_is_file_not_found(quarantine: Quarantine) -> None:
    with pytest.raises(FileNotFoundError):
        await quarantine.restore("a")


async def test_discard_deletes_bytes_and_report_and_can_be_repeated(
    quarantine: Quarantine, folder: Path, source: Source
) -> None:
    for upload_id in ("a", "b"):
        await quarantine.add(upload_id, source, REPORT)
    for _ in range(2):
        await quarantine.discard("a")
    assert await quarantine.size("a") is None
    assert kept(folder) == ["b"]


async def test_purge_deletes_only_what_was_taken_before(quarantine: Quarantine, folder: Path, source: Source) -> None:
    for upload_id, taken in (("old", DAY), ("new", 3 * DAY)):
        await add_at(quarantine, folder, upload_id, source, taken)
    assert await quarantine.purge(2 * DAY) == ["old"]
    assert kept(folder) == ["new"]
    assert await quarantine.purge(2 * DAY) == []


async def test_report_without_its_file_is_purged(quarantine: Quarantine, folder: Path, source: Source) -> None:
    await add_at(quarantine, folder, "a", source, DAY)
    (folder / "a.rejected").unlink()
    assert await quarantine.purge(2 * DAY) == ["a"]
    assert kept(folder) == []
