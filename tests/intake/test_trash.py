"""The trash: what is in it can come back, is not edited, is no duplicate, and goes when it is old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.access import LOCAL_OWNER
from media_service.core.audit import Action, Actor, AuditFilter
from media_service.core.errors.access import InsufficientScope
from media_service.core.errors.base import ServiceError
from media_service.core.errors.files import FileChanged, FileInTrash, FilePurged, FileTaken, NameInUse, NotInTrash
from media_service.core.errors.service import StorageFull
from media_service.core.files import Place
from tests.intake.finishing import finish_all, receive, the_rows
from tests.intake.rig import HOUR, Rig
from tests.support.failing import Failing
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.files import StoredFile

KIM = "person:kim"
LEE = Actor("person:lee", "Lee")
MP3 = make_mp3(1, {"artist": "Kept"}, seed=86)


def any_version(_sha256: bytes) -> bool:
    return True


async def finished(rig: Rig, name: str = "show.mp3", owner: str = KIM, data: bytes = MP3) -> StoredFile:
    """Return a file in the spool."""
    upload_id = await receive(rig, data, name, owner=owner)
    await finish_all(rig)
    return (await the_rows(rig, upload_id))[1]


async def place_of(rig: Rig, file: StoredFile) -> Place:
    found = await rig.database.file(file.id)
    assert found is not None
    return found.place


async def test_a_file_comes_back_under_its_name_with_its_bytes(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        stored = rig.spool.path("show.mp3").read_bytes()
        there = await rig.trash.put(file.id, any_version, LEE, "too old")
        assert there.place is Place.TRASH
        assert there.trashed is not None
        assert (there.trashed.at, there.trashed.by, there.trashed.by_name) == (rig.time, "person:lee", "Lee")
        assert there.trashed.reason == "too old"
        assert rig.names() == []
        again = await finished(rig)
        assert again.spool_entry.name == "show (2).mp3"
        assert await rig.trash.restore(file.id) == file
        assert rig.spool.path("show.mp3").read_bytes() == stored


async def test_only_the_version_that_was_seen_goes_into_the_trash(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        with pytest.raises(FileChanged):
            await rig.trash.put(file.id, lambda _: False, LEE)
        await rig.trash.put(file.id, lambda sha256: sha256 == file.spool_entry.sha256, LEE)
        with pytest.raises(FileChanged):
            await rig.trash.purge(file.id, lambda _: False)
        assert await place_of(rig, file) is Place.TRASH


async def test_a_file_in_the_trash_is_not_edited_and_its_bytes_are_there_for_some(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        there = await rig.trash.put(file.id, any_version, LEE)
        for act in (
            rig.retagger.edit(file.id, {"title": "New"}, any_version),
            rig.files.cover(file.id, None),
            rig.files.content(there, of_trash=False),
            rig.trash.put(file.id, any_version, LEE),
        ):
            with pytest.raises(FileInTrash):
                await act
        assert (await rig.files.content(there, of_trash=True)).size == file.spool_entry.size
        # Who saw it in the spool, or there while it is restored, gets it too.
        assert (await rig.files.content(file, of_trash=True)).size == file.spool_entry.size
        await rig.trash.restore(file.id)
        assert (await rig.files.content(there, of_trash=True)).size == file.spool_entry.size


async def test_a_purged_file_is_gone_but_its_name_is_never_given_again(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        with pytest.raises(NotInTrash):
            await rig.trash.purge(file.id)
        there = await rig.trash.put(file.id, any_version, LEE)
        await rig.trash.purge(file.id)
        assert not rig.spool.trashed_path(file.id).exists()
        for act in (rig.trash.restore(file.id), rig.trash.purge(file.id)):
            with pytest.raises(NotInTrash):
                await act
        with pytest.raises(FilePurged):
            await rig.trash.put(file.id, any_version, LEE)
        with pytest.raises(FilePurged):
            await rig.files.content(there, of_trash=True)
        assert (await finished(rig)).spool_entry.name == "show (2).mp3"


async def test_somebody_elses_file_keeps_its_name(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        await rig.trash.put(file.id, any_version, LEE)
        rig.spool.path("show.mp3").write_bytes(b"theirs")
        with pytest.raises(NameInUse):
            await rig.trash.restore(file.id)
        assert await place_of(rig, file) is Place.TRASH
        assert rig.spool.path("show.mp3").read_bytes() == b"theirs"
        rig.spool.path("show.mp3").unlink()
        assert (await rig.trash.restore(file.id)).place is Place.SPOOL


async def test_what_is_sent_again_is_a_new_file_if_the_first_is_not_in_the_spool(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", duplicates="refuse") as rig:
        await rig.trash.put((await finished(rig)).id, any_version, LEE)
        second = await finished(rig)
        rig.spool.path(second.spool_entry.name).unlink()
        await rig.taken.look()
        third = await finished(rig)
        assert third.spool_entry.name == "show (3).mp3"


async def test_senders_take_back_what_is_theirs_for_a_while(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        kim, own = Actor(KIM, "Kim"), frozenset({KIM, LOCAL_OWNER})
        file, of_nobody = await finished(rig), await finished(rig, owner=LOCAL_OWNER)
        with pytest.raises(InsufficientScope):
            await rig.trash.put(of_nobody.id, any_version, kim, sender=own)
        with pytest.raises(InsufficientScope):
            await rig.trash.put(file.id, any_version, kim, sender=frozenset({"person:mallory"}))
        await rig.trash.put(file.id, any_version, kim, sender=own)
        await rig.trash.restore(file.id, sender=own)
        await rig.trash.put(file.id, any_version, LEE)
        with pytest.raises(InsufficientScope):
            await rig.trash.restore(file.id, sender=own)
        await rig.trash.restore(file.id)
        rig.time += HOUR // 2 + 1
        with pytest.raises(InsufficientScope):
            await rig.trash.put(file.id, any_version, kim, sender=own)


async def test_what_is_old_is_purged_and_noted(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        old, young = await finished(rig, "old.mp3"), await finished(rig, "young.mp3")
        await rig.trash.put(old.id, any_version, LEE)
        rig.time += HOUR
        await rig.trash.put(young.id, any_version, LEE)
        rig.time += 1
        await rig.trash.purge_old()
        assert [await place_of(rig, file) for file in (old, young)] == [Place.PURGED, Place.TRASH]
        entries, _ = await rig.database.audit.entries(AuditFilter(), None, 10)
        assert [(entry.action, entry.actor.id, entry.subject.id) for entry in entries] == [
            (Action.FILE_PURGED, None, old.id)
        ]


async def test_a_file_is_purged_even_if_no_entry_can_be_written(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        await rig.trash.put(file.id, any_version, LEE)
        rig.time += HOUR + 1
        trash: Any = rig.trash
        trash._audit = Failing(rig.database.audit, "add", [StorageFull()])
        await trash.purge_old()
        assert await place_of(rig, file) is Place.PURGED


async def test_what_an_error_interrupts_goes_on_before_the_next_act(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        moves: Any = rig.moves
        moves._spool = Failing(rig.spool, "trash", [StorageFull()])
        with pytest.raises(ServiceError):
            await rig.trash.put(file.id, any_version, LEE)
        assert (await place_of(rig, file), rig.names()) == (Place.TRASH, ["show.mp3"])
        with pytest.raises(FileInTrash):
            await rig.trash.put(file.id, any_version, LEE)
        assert (await place_of(rig, file), rig.names()) == (Place.TRASH, [])


async def test_an_interrupted_edit_ends_before_the_file_moves(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        retagger: Any = rig.retagger
        whole = retagger._catalogue
        retagger._catalogue = Failing(whole, "retag", [StorageFull()])
        with pytest.raises(ServiceError):
            await retagger.edit(file.id, {"title": "New"}, any_version)
        there = await rig.trash.put(file.id, lambda sha256: sha256 != file.spool_entry.sha256, LEE)
        assert there.tags["title"] == "New"
        assert await rig.database.retag_intents() == []


async def test_a_file_that_was_taken_does_not_go_into_the_trash(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        file = await finished(rig)
        rig.spool.path("show.mp3").unlink()
        with pytest.raises(FileTaken):
            await rig.trash.put(file.id, any_version, LEE)
        assert await place_of(rig, file) is Place.TAKEN
        with pytest.raises(NotInTrash):
            await rig.trash.restore(file.id)
