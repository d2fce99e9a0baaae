"""Files that their readers take: found by the sweeper, and by whoever asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.core.audit import Actor
from media_service.core.errors.files import FileTaken
from media_service.core.errors.service import StorageError
from media_service.intake.upload_locks import file_lock
from tests.catalogue.samples import keep, make_file
from tests.intake.finishing import finish_all, receive, the_rows
from tests.intake.rig import Rig
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.files import StoredFile

MP3 = make_mp3(1, {"artist": "Kept"}, seed=87)


async def stored(rig: Rig, count: int) -> list[StoredFile]:
    """Return files, whose rows and bytes are there."""
    files = [make_file(number) for number in range(1, count + 1)]
    await keep(rig.database, *files)
    for file in files:
        rig.spool.path(file.spool_entry.name).write_bytes(MP3)
    return files


async def places(rig: Rig, files: list[StoredFile]) -> str:
    """Return the first letters of the files' places."""
    found = [await rig.database.file(file.id) for file in files]
    return "".join("?" if file is None else file.place.value[:2] + " " for file in found).strip()


async def test_a_round_finds_what_was_taken_and_what_is_back(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        files = await stored(rig, 100)
        for file in files:
            rig.spool.path(file.spool_entry.name).unlink()
        await rig.taken.look()
        assert await places(rig, files) == " ".join(["ta"] * 100)
        first = await rig.database.file("f1")
        assert first is not None
        assert first.removed_at == rig.time
        rig.spool.path(files[0].spool_entry.name).write_bytes(MP3)
        await rig.taken.look()
        assert await places(rig, files[:2]) == "sp ta"
        assert await rig.database.file("f1") == files[0]
        assert (await rig.database.usage_of(["service"]))["service"].files == 1


async def test_rounds_take_turns_with_the_names(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        files = await stored(rig, 5)
        for file in files:
            rig.spool.path(file.spool_entry.name).unlink()
        await rig.taken.look(2)
        assert await places(rig, files) == "ta ta sp sp sp"
        await rig.taken.look(2)
        await rig.taken.look(2)
        assert await places(rig, files) == "ta ta ta ta ta"
        rig.spool.path(files[0].spool_entry.name).write_bytes(MP3)
        await rig.taken.look(2)
        assert await places(rig, files) == "sp ta ta ta ta"


async def test_a_round_leaves_the_trash_alone(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        files = await stored(rig, 2)
        await rig.trash.put("f1", lambda _: True, Actor(None))
        await rig.taken.look()
        assert await places(rig, files) == "tr sp"


async def test_without_a_spool_nothing_was_taken(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        files = await stored(rig, 2)
        mounted = rig.spool.path("")
        mounted.rename(tmp_path / "elsewhere")
        for asked in (rig.taken.look(), rig.files.content(files[0], of_trash=True)):
            with pytest.raises(StorageError):
                await asked
        (tmp_path / "elsewhere").rename(mounted)
        assert await places(rig, files) == "sp sp"


async def test_a_file_that_is_being_changed_is_looked_at_later(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        files = await stored(rig, 2)
        for file in files:
            rig.spool.path(file.spool_entry.name).unlink()
        assert await rig.locks.acquire(file_lock("f1"), 0)
        await rig.taken.look()
        rig.locks.release(file_lock("f1"))
        assert await places(rig, files) == "sp ta"


async def test_what_is_asked_for_and_missing_is_taken(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        ids = [await receive(rig, MP3, f"{name}.mp3") for name in ("read", "shown", "edited")]
        await finish_all(rig)
        files = [(await the_rows(rig, upload_id))[1] for upload_id in ids]
        for file in files:
            rig.spool.path(file.spool_entry.name).unlink()
        for asked in (
            rig.files.content(files[0], of_trash=False),
            rig.files.cover(files[1].id, None),
            rig.files.edit(files[2].id, lambda _: True, tags={"title": "New"}),
        ):
            with pytest.raises(FileTaken):
                await asked
        assert await places(rig, files) == "ta ta ta"
