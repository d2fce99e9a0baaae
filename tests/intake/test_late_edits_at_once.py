"""Edits after the end of an upload, while it is finished, while others edit, and over a crash at any step."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mutagen.id3 import ID3

from media_service.core.errors.files import FileChanged
from media_service.core.errors.service import BeingFinished
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload_states import FINISHING, State
from media_service.intake import upload_locks
from media_service.intake.receiving.slice_request import SliceRequest
from media_service.intake.upload_locks import locked, upload_lock
from tests.intake.callers import ME, MINE
from tests.intake.finishing import MP3, finish_all, receive, stored_tag, the_rows
from tests.intake.rig import Crash, Rig, Steps
from tests.support.pictures import png

if TYPE_CHECKING:
    from pathlib import Path


async def test_an_admins_edit_at_the_same_time_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        _, file = await the_rows(rig, upload_id)
        edit = rig.retagger.edit

        async def after_an_admin(*given: Any, **named: Any) -> Any:
            await edit(file.id, {"title": "Librarian's"}, lambda _: True)
            return await edit(*given, **named)

        monkeypatch.setattr(rig.retagger, "edit", after_an_admin)
        with pytest.raises(FileChanged):
            await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"}, sender="Larry")
        upload, file = await the_rows(rig, upload_id)
        assert (upload.sender, upload.tags, file.tags["title"]) == (None, {"title": "T"}, "Librarian's")


async def test_a_crash_at_any_step_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seen = set()
    async with Rig(tmp_path / "before") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
    for crash_at in range(1, 60):
        folder, acknowledged = shutil.copytree(tmp_path / "before", tmp_path / str(crash_at)), False
        async with Rig(folder, Steps(crash_at), first_id=9) as rig:
            try:
                await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"}, sender="Larry")
                acknowledged = True
            except Crash:
                pass
        async with Rig(folder, first_id=99) as rig:
            await rig.recovery.run()
            upload, file = await the_rows(rig, upload_id)
            stored = rig.spool.path("show.mp3").read_bytes()
            assert (len(stored), hashlib.sha256(stored).digest()) == (file.spool_entry.size, file.spool_entry.sha256)
            if acknowledged:
                assert (upload.tags, upload.sender, file.sender) == ({"title": "New"}, "Larry", "Larry")
            seen.add((acknowledged, file.tags["title"]))
            # A client without a response retries.
            await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"}, sender="Larry")
            upload, file = await the_rows(rig, upload_id)
            assert (upload.tags, upload.sender) == ({"title": "New"}, "Larry")
            assert (file.tags["title"], file.sender, str(stored_tag(rig)["TIT2"])) == ("New", "Larry", "New")
            assert rig.names() == ["show.mp3"]
        if acknowledged:
            break
    assert seen == {(False, "T"), (False, "New"), (True, "New")}


async def test_an_edit_before_the_file_is_tagged_reaches_it_over_a_crash_at_any_step(tmp_path: Path) -> None:
    """Edit an upload that waits to be finished; finishing crashes at any later step."""
    async with Rig(tmp_path / "before") as rig:
        upload_id = await receive(rig, MP3)
        await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"}, sender="Larry")
        await rig.intake.edits.put_cover(upload_id, ME, png(20, 20))
    for crash_at in range(1, 60):
        folder, crashed = shutil.copytree(tmp_path / "before", tmp_path / str(crash_at)), False
        async with Rig(folder, Steps(crash_at), first_id=9) as rig:
            try:
                await finish_all(rig)
            except Crash:
                crashed = True
        async with Rig(folder, first_id=99) as rig:
            await finish_all(rig)
            upload, file = await the_rows(rig, upload_id)
            assert (upload.sender, file.sender, file.tags["title"]) == ("Larry", "Larry", "New")
            assert str(stored_tag(rig)["TIT2"]) == "New"
            assert stored_tag(rig).getall("APIC")
        if not crashed:
            break
    assert not crashed


async def test_edits_while_uploads_are_finished_all_reach_their_files(tmp_path: Path) -> None:
    """Edit without pause, from before the last byte until after the end, next to the running finalizer."""
    async with Rig(tmp_path / "data") as rig:
        running = asyncio.create_task(rig.finalizer.run())
        for number in range(6):
            request = UploadRequest(f"{number}.mp3", len(MP3), tags={"title": "T"})
            view, _ = await rig.intake.create(replace(request, origin=MINE), "native")
            upload_id = view.upload.id

            async def insist(upload_id: str = upload_id) -> str:
                said = ""
                for edit in range(200):
                    said = f"{edit}"
                    try:
                        now = await rig.intake.edits.amend(upload_id, ME, tags={"title": said}, sender=said)
                    except BeingFinished:
                        continue
                    if now.upload.state is State.SPOOLED:
                        break
                    await asyncio.sleep(0)
                return said

            editing = asyncio.create_task(insist())
            await _send(rig, upload_id)
            said = await editing
            upload, file = await the_rows(rig, upload_id)
            assert (upload.sender, upload.tags, file.sender, file.tags["title"]) == (said, {"title": said}, said, said)
            tag = ID3(io.BytesIO(rig.spool.path(file.spool_entry.name).read_bytes()))
            assert str(tag["TIT2"]) == said
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def _send(rig: Rig, upload_id: str) -> None:
    async def blocks() -> Any:
        yield MP3

    await rig.intake.receive(upload_id, ME, SliceRequest(0, len(MP3), None, "native"), blocks())


async def test_while_it_is_finished_an_edit_waits_and_then_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_locks, "MAX_WAIT_SECONDS", 0.05)
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        async with locked(rig.locks, upload_lock(upload_id)):
            with pytest.raises(BeingFinished):
                await rig.intake.edits.amend(upload_id, ME, sender="Larry")
        await rig.intake.edits.amend(upload_id, ME, sender="Larry")
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].state in FINISHING
        assert loaded[0].sender == "Larry"


async def test_a_published_upload_without_its_files_row_is_not_edited(tmp_path: Path) -> None:
    """Finishing crashed between publishing the tagged file and its row."""
    found = False
    async with Rig(tmp_path / "before") as rig:
        upload_id = await receive(rig, MP3)
    for crash_at in range(1, 60):
        folder, crashed = shutil.copytree(tmp_path / "before", tmp_path / str(crash_at)), False
        async with Rig(folder, Steps(crash_at), first_id=9) as rig:
            try:
                await finish_all(rig)
            except Crash:
                crashed = True
        async with Rig(folder, first_id=99) as rig:
            try:
                await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"}, sender="Larry")
            except BeingFinished:
                found = True
                await finish_all(rig)
                await rig.intake.edits.amend(upload_id, ME, tags={"title": "New"}, sender="Larry")
            await finish_all(rig)
            upload, file = await the_rows(rig, upload_id)
            assert (upload.sender, file.sender, file.tags["title"]) == ("Larry", "Larry", "New")
            assert str(stored_tag(rig)["TIT2"]) == "New"
        if not crashed:
            break
    assert found
