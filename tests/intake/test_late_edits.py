"""Edits after the end of an upload: what may change, by whom, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.chapters import Chapter
from media_service.core.errors.files import FileTaken
from media_service.core.errors.uploads import UnknownUpload, WrongState
from media_service.core.upload_states import State
from tests.intake.callers import ME, SOMEBODY
from tests.intake.finishing import MP3, finish_all, receive, stored_tag, the_rows
from tests.intake.rig import HOUR, Rig
from tests.support.pictures import png

if TYPE_CHECKING:
    from pathlib import Path

LATE = HOUR // 4


async def test_a_finished_file_gets_other_tags_and_another_sender(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        rig.time += LATE
        view = await rig.intake.edits.amend(upload_id, ME, tags={"title": "밤", "album": "A"}, sender="Larry")
        upload, file = await the_rows(rig, upload_id)
        assert upload == view.upload
        assert (upload.sender, file.sender) == ("Larry", "Larry")
        assert (dict(upload.tags or {}), dict(file.tags)) == (
            {"title": "밤", "album": "A"},
            {"title": "밤", "album": "A", "artist": "Kept"},
        )
        assert str(stored_tag(rig)["TIT2"]) == "밤"
        assert (await rig.database.list_files("larry", "uploaded_at", None, 10))[0] == [file]
        assert view.editable_until == upload.updated_at + LATE


async def test_a_name_alone_leaves_every_byte_of_the_file(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        before = (await the_rows(rig, upload_id))[1].spool_entry
        inode = rig.spool.path("show.mp3").stat().st_ino
        await rig.intake.edits.amend(upload_id, ME, sender="Larry")
        upload, file = await the_rows(rig, upload_id)
        assert (upload.sender, file.sender, file.spool_entry) == ("Larry", "Larry", before)
        assert rig.spool.path("show.mp3").stat().st_ino == inode


async def test_what_the_sender_takes_back_goes_unless_a_librarian_edited_it(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3, claims={"tags": {"title": "T", "album": "A", "genre": "G"}})
        await finish_all(rig)
        _, file = await the_rows(rig, upload_id)
        await rig.retagger.edit(file.id, {"title": "Librarian's", "genre": "Jazz"}, lambda _: True)
        await rig.intake.edits.amend(upload_id, ME, tags={"title": "T"})
        _, file = await the_rows(rig, upload_id)
        assert dict(file.tags) == {"title": "Librarian's", "genre": "Jazz", "artist": "Kept"}


async def test_cover_and_chapters_may_change_after_the_end(tmp_path: Path) -> None:
    picture = png(20, 20)
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        await rig.intake.edits.amend(upload_id, ME, chapters=[Chapter(0.0, "Start")])
        await rig.intake.edits.check_cover(upload_id, ME)
        await rig.intake.edits.put_cover(upload_id, ME, picture)
        upload, file = await the_rows(rig, upload_id)
        tag = stored_tag(rig)
        assert [frame.data for frame in tag.getall("APIC")] == [picture]
        assert file.chapters == upload.chapters == (Chapter(0.0, "Start"),)
        assert tag.getall("CHAP")
        await rig.intake.edits.put_cover(upload_id, ME, None)
        assert stored_tag(rig).getall("APIC") == []
        assert (await the_rows(rig, upload_id))[0].cover is None


@pytest.mark.parametrize("edit", [{"sender": "Larry"}, {"tags": {"title": "New"}}, {"sender": "Larry", "tags": {}}])
async def test_after_the_time_for_it_nothing_changes(tmp_path: Path, edit: dict[str, Any]) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        await rig.intake.edits.amend(upload_id, ME, sender="In time")
        before = await the_rows(rig, upload_id)
        rig.time += LATE + 1
        with pytest.raises(WrongState):
            await rig.intake.edits.amend(upload_id, ME, **edit)
        with pytest.raises(WrongState):
            await rig.intake.edits.check_cover(upload_id, ME)
        with pytest.raises(WrongState):
            await rig.intake.edits.put_cover(upload_id, ME, png(20, 20))
        assert await the_rows(rig, upload_id) == before


async def test_only_its_owner_edits_a_finished_upload(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        with pytest.raises(UnknownUpload):
            await rig.intake.edits.amend(upload_id, SOMEBODY, sender="Mallory")
        with pytest.raises(UnknownUpload):
            await rig.intake.edits.put_cover(upload_id, SOMEBODY, png(20, 20))


async def test_a_file_that_its_reader_took_does_not_come_back(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        rig.spool.path("show.mp3").unlink()
        with pytest.raises(FileTaken):
            await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"})
        assert rig.names() == []
        assert (await the_rows(rig, upload_id))[0].tags == {"title": "T"}
        await rig.intake.edits.amend(upload_id, ME, sender="Larry")
        assert (await the_rows(rig, upload_id))[1].sender == "Larry"


async def test_an_upload_that_leads_to_another_file_does_not_change_that(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", duplicates="link") as rig:
        await receive(rig, MP3)
        await finish_all(rig)
        second = await receive(rig, MP3)
        await finish_all(rig)
        view = await rig.intake.show(second, ME)
        assert (view.upload.state, view.editable_until) == (State.SPOOLED, None)
        with pytest.raises(WrongState):
            await rig.intake.edits.amend(second, ME, sender="Larry")
