"""Suite of `core.ports.spool.Spool`: a file is in the spool or in the trash, and what others put there stays theirs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.files import NameInUse
from media_service.core.errors.service import StorageError
from media_service.core.files import RewritePlan
from media_service.storage.spool import DiskSpool
from tests.contracts.spool.adapters import AUDIO

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.content import Content
    from media_service.core.files import Source
    from media_service.core.ports.spool import Spool
    from tests.contracts.spool.adapters import SpoolPlace


@pytest.fixture
async def published(spool: Spool, source: Source) -> None:
    """Put a file into the spool as `show.mp3`."""
    await spool.assemble("a", source, RewritePlan(b"", 0), None)
    assert await spool.publish("a", "show.mp3")


async def bytes_of(content: Content | None) -> bytes | None:
    """Return the bytes that a client gets."""
    return None if content is None else b"".join([piece async for piece in content.read(0, content.size)])


@pytest.mark.usefixtures("published")
async def test_a_file_moves_into_the_trash_and_back_as_often_as_asked(spool: Spool, place: SpoolPlace) -> None:
    measured = await spool.measure("show.mp3")
    for _ in range(2):
        for _ in range(2):
            assert await spool.trash("f", "show.mp3")
            assert (await place.names(), await place.trashed()) == ([], ["f"])
        assert await bytes_of(await spool.trashed_content("f")) == AUDIO
        assert await spool.content("show.mp3") is None
        for _ in range(2):
            assert await spool.restore("f", "show.mp3")
            assert (await place.names(), await place.trashed()) == (["show.mp3"], [])
        assert await spool.trashed_content("f") is None
        assert await bytes_of(await spool.content("show.mp3")) == AUDIO
        assert await spool.measure("show.mp3") == measured


async def test_what_is_in_neither_place_does_not_move(spool: Spool, place: SpoolPlace) -> None:
    assert not await spool.trash("f", "show.mp3")
    assert not await spool.restore("f", "show.mp3")
    assert (await place.names(), await place.trashed()) == ([], [])


@pytest.mark.usefixtures("published")
async def test_a_file_in_the_trash_is_deleted_once_and_for_all(spool: Spool, place: SpoolPlace) -> None:
    await spool.trash("f", "show.mp3")
    await spool.discard_trashed("f")
    await spool.discard_trashed("f")
    assert await spool.trashed_content("f") is None
    assert (await place.names(), await place.trashed()) == ([], [])


@pytest.mark.usefixtures("published")
async def test_somebody_elses_file_keeps_the_name(spool: Spool, place: SpoolPlace) -> None:
    await spool.trash("f", "show.mp3")
    await place.write("show.mp3", b"theirs")
    with pytest.raises(NameInUse):
        await spool.restore("f", "show.mp3")
    assert await spool.trash("f", "show.mp3")
    assert await bytes_of(await spool.content("show.mp3")) == b"theirs"
    assert await bytes_of(await spool.trashed_content("f")) == AUDIO


@pytest.mark.usefixtures("published")
async def test_a_file_that_somebody_changed_moves_as_it_is(spool: Spool, place: SpoolPlace) -> None:
    await place.write("show.mp3", b"changed")
    assert await spool.trash("f", "show.mp3")
    await place.write("show.mp3", b"changed")
    with pytest.raises(NameInUse):
        await spool.restore("f", "show.mp3")
    await place.take("show.mp3")
    assert await spool.restore("f", "show.mp3")
    assert await bytes_of(await spool.content("show.mp3")) == b"changed"


async def test_missing_files_are_told_from_the_others(spool: Spool, place: SpoolPlace) -> None:
    assert await spool.missing([]) == set()
    assert await spool.missing(["show.mp3"]) == {"show.mp3"}
    here = ["0.mp3", "show (2).mp3", "show.mp3", "\u00e9.mp3", "\uff5e.mp3", "\U0001f600.mp3"]
    for name in [*here, "show (11).mp3"]:
        await place.write(name, b"x")
    gone = ["A.mp3", "shop.mp3", "\ubc24.mp3", "\U0001f601.mp3", *(f"show (1{number}).mp3" for number in range(2, 30))]
    assert await spool.missing([*here, *gone]) == {*gone}
    assert await spool.missing([*gone[:3], *here[:2]]) == {*gone[:3]}


async def test_without_a_spool_nothing_is_missing(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path)
    await spool.prepare()
    (tmp_path / "trash" / "f.mp3").write_bytes(b"x")
    (tmp_path / "mp3").rmdir()
    for asked in (spool.missing(["show.mp3"]), spool.trash("f", "show.mp3"), spool.restore("f", "show.mp3")):
        with pytest.raises(StorageError):
            await asked
    assert (tmp_path / "trash" / "f.mp3").exists()


async def test_without_a_trash_nothing_moves_there(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path)
    await spool.prepare()
    (tmp_path / "mp3" / "show.mp3").write_bytes(b"x")
    shutil.rmtree(tmp_path / "trash")
    with pytest.raises(StorageError):
        await spool.trash("f", "show.mp3")
    assert (tmp_path / "mp3" / "show.mp3").exists()
