"""Retagging: wherever the process crashes, the old or the new file is there, and the catalogue says which."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from media_service.core.cover import CoverLimits
from media_service.core.errors.files import FileChanged, FileTaken
from media_service.core.files import Place
from media_service.intake.finalizing.retag import Retagger
from tests.intake.finishing import finish_all, receive
from tests.intake.rig import Crash, Rig, Steps
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.files import StoredFile

MP3 = make_mp3(1, {"artist": "Kept"}, seed=83)


def retagger(rig: Rig, steps: Steps | None = None) -> Retagger:
    around = (steps or Steps()).around
    catalogue, spool, media = around(rig.database), around(rig.spool), around(rig.inspector)
    return Retagger(catalogue, spool, media, CoverLimits(), moves=rig.moves, locks=rig.locks)


async def the_file(rig: Rig) -> StoredFile:
    (file,) = (await rig.database.list_files("", "uploaded_at", None, 10))[0]
    return file


async def test_a_crash_at_any_step_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    seen = set()
    for crash_at in range(1, 40):
        crashed = False
        async with Rig(tmp_path / str(crash_at)) as rig:
            await receive(rig, MP3)
            await finish_all(rig)
            old = await the_file(rig)
            try:
                await retagger(rig, Steps(crash_at)).edit(old.id, {"title": "New"}, lambda _: True)
            except Crash:
                crashed = True
        async with Rig(tmp_path / str(crash_at)) as rig:
            await rig.recovery.run()
            await retagger(rig).recover()
            file = await the_file(rig)
            stored = rig.spool.path("show.mp3").read_bytes()
            assert (len(stored), hashlib.sha256(stored).digest()) == (file.spool_entry.size, file.spool_entry.sha256)
            assert (file.spool_entry != old.spool_entry) == (file.tags["title"] == "New")
            assert await rig.database.retag_intents() == []
            assert await rig.spool.list_assembled() == []
            assert rig.names() == ["show.mp3"]
        seen.add((crashed, file.tags["title"]))
        if not crashed:
            break
    assert seen == {(True, "T"), (True, "New"), (False, "New")}


async def test_after_an_error_the_next_edit_finds_which_file_is_there(tmp_path: Path) -> None:
    """The catalogue fails after the exchange, and the process continues."""
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3)
        await finish_all(rig)
        old = await the_file(rig)
        for crash_at in range(1, 40):
            steps = Steps(crash_at)
            parts = retagger(rig, steps)
            try:
                await parts.edit(old.id, {"title": f"{crash_at}"}, lambda _: True)
            except Crash:
                await parts.edit(old.id, {"album": f"{crash_at}"}, lambda _: True)
            else:
                break
            file, stored = await the_file(rig), rig.spool.path("show.mp3").read_bytes()
            assert hashlib.sha256(stored).digest() == file.spool_entry.sha256
            assert file.tags["album"] == f"{crash_at}"
            assert stored.endswith(MP3[-1000:])


async def test_only_the_version_that_was_seen_is_edited(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3)
        await finish_all(rig)
        old = await the_file(rig)
        edits = retagger(rig)
        new, _ = await edits.edit(
            old.id, {"title": "New", "artist": ""}, lambda sha256: sha256 == old.spool_entry.sha256
        )
        assert dict(new.tags) == {"title": "New"}
        with pytest.raises(FileChanged):
            await edits.edit(old.id, {"title": "Newer"}, lambda sha256: sha256 == old.spool_entry.sha256)
        assert await the_file(rig) == new


async def test_a_file_that_its_reader_took_does_not_come_back(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3)
        await finish_all(rig)
        file = await the_file(rig)
        rig.spool.path("show.mp3").unlink()
        with pytest.raises(FileTaken):
            await retagger(rig).edit(file.id, {"title": "New"}, lambda _: True)
        assert rig.names() == []
        taken = await rig.database.file(file.id)
        assert (taken and taken.place) == Place.TAKEN
        assert await rig.database.retag_intents() == []
