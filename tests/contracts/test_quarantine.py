"""Suite of `core.ports.quarantine.Quarantine`: rejected files and their reports, kept for a while."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

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
    quarantine = DiskQuarantine(tmp_path / "quarantine")
    await quarantine.prepare()
    return ADAPTERS[request.param](quarantine)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(b"no music")
    return path


def report_path(quarantine: Quarantine, upload_id: str) -> Path:
    """Return where a person finds the report: beside the bytes."""
    return quarantine.path(upload_id).with_name(f"{upload_id}.json")


def report(quarantine: Quarantine, upload_id: str = "a") -> Any:
    return json.loads(report_path(quarantine, upload_id).read_text("utf-8"))


def kept(quarantine: Quarantine) -> list[str]:
    """Return the uploads of which anything is kept."""
    return sorted({path.stem for path in quarantine.path("x").parent.iterdir()})


async def add_at(quarantine: Quarantine, upload_id: str, source: Path, taken: int) -> None:
    """Add a file as if at this time."""
    await quarantine.add(upload_id, source, REPORT)
    os.utime(report_path(quarantine, upload_id), ns=(taken * 1000, taken * 1000))


async def test_bytes_and_report_are_kept_and_the_source_stays(quarantine: Quarantine, source: Path) -> None:
    await quarantine.add("a", source, REPORT)
    assert quarantine.path("a").read_bytes() == source.read_bytes() == b"no music"
    assert report(quarantine) == REPORT


async def test_the_bytes_outlive_their_partial(quarantine: Quarantine, source: Path) -> None:
    await quarantine.add("a", source, REPORT)
    source.unlink()
    assert quarantine.path("a").read_bytes() == b"no music"


async def test_adding_again_replaces_the_report(quarantine: Quarantine, source: Path) -> None:
    await quarantine.add("a", source, REPORT)
    await quarantine.add("a", source, REPORT | {"code": "too_costly"})
    assert kept(quarantine) == ["a"]
    assert report(quarantine)["code"] == "too_costly"


async def test_missing_source_is_file_not_found(quarantine: Quarantine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await quarantine.add("a", tmp_path / "missing", REPORT)


async def test_report_may_contain_values_without_a_json_type(quarantine: Quarantine, source: Path) -> None:
    await quarantine.add("a", source, {"path": source})
    assert report(quarantine) == {"path": str(source)}


async def test_size_is_that_of_the_kept_bytes(quarantine: Quarantine, source: Path) -> None:
    assert await quarantine.size("a") is None
    await quarantine.add("a", source, REPORT)
    assert await quarantine.size("a") == len(b"no music")


async def test_restored_bytes_stay_in_quarantine(quarantine: Quarantine, source: Path, tmp_path: Path) -> None:
    await quarantine.add("a", source, REPORT)
    for _ in range(2):
        await quarantine.restore("a", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == quarantine.path("a").read_bytes() == b"no music"


async def test_nothing_to_restore_is_file_not_found(quarantine: Quarantine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await quarantine.restore("a", tmp_path / "again")


async def test_discard_deletes_bytes_and_report_and_can_be_repeated(quarantine: Quarantine, source: Path) -> None:
    for upload_id in ("a", "b"):
        await quarantine.add(upload_id, source, REPORT)
    for _ in range(2):
        await quarantine.discard("a")
    assert await quarantine.size("a") is None
    assert kept(quarantine) == ["b"]


async def test_purge_deletes_only_what_was_taken_before(quarantine: Quarantine, source: Path) -> None:
    for upload_id, taken in (("old", DAY), ("new", 3 * DAY)):
        await add_at(quarantine, upload_id, source, taken)
    assert await quarantine.purge(2 * DAY) == ["old"]
    assert kept(quarantine) == ["new"]
    assert await quarantine.purge(2 * DAY) == []


async def test_report_without_its_file_is_purged(quarantine: Quarantine, source: Path) -> None:
    await add_at(quarantine, "a", source, DAY)
    quarantine.path("a").unlink()
    assert await quarantine.purge(2 * DAY) == ["a"]
    assert kept(quarantine) == []
