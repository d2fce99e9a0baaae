"""Check that what time and crashes leave is removed, and that what is still needed stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.audit import Action, Actor, AuditEntry, AuditFilter
from media_service.core.errors.base import ServiceError
from media_service.core.errors.uploads import Superseded
from media_service.core.files import Place
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from media_service.intake.receiving.slice_request import SliceRequest
from media_service.intake.sweep import Sweeper
from media_service.intake.upload_locks import file_lock, upload_lock
from tests.intake.callers import ME, MINE
from tests.intake.finishing import MP3, TEXT, finish_all, receive, the_rows
from tests.intake.rig import HOUR, Rig
from tests.support.failing import Failing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def sweeper(rig: Rig, catalogue: Any) -> Sweeper:
    """Return a sweeper that does not rest."""
    return Sweeper(
        rig.ender,
        catalogue,
        rig.store,
        rig.quarantine,
        rig.database.audit,
        rejected=rig.rejected,
        leftovers=rig.leftovers,
        trash=rig.trash,
        taken=rig.taken,
        clock=lambda: rig.time,
        options=rig.options,
        every=0.01,
    )


async def _one_slice(rig: Rig, upload_id: str, start: int) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        yield b"x" * 10

    await rig.intake.receive(upload_id, ME, SliceRequest(start, 10, None, "native"), blocks())


async def _slow_slice(rig: Rig, upload_id: str, start: int, dialect: str = "native") -> None:
    async def blocks() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    await rig.intake.receive(upload_id, ME, SliceRequest(start, 10, None, dialect), blocks())


async def test_idle_upload_expires_and_a_live_one_does_not(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        idle, _ = await rig.intake.create(UploadRequest("idle.mp3", 100, origin=MINE), "native")
        active, _ = await rig.intake.create(UploadRequest("live.mp3", 100, origin=MINE), "native")
        rig.time += HOUR - 1
        await _one_slice(rig, active.upload.id, 0)
        rig.time += 2
        await rig.sweeper.expire()
        assert (await rig.intake.show(idle.upload.id, ME)).upload.state is State.EXPIRED
        assert (await rig.intake.show(active.upload.id, ME)).upload.state is State.RECEIVING
        assert await rig.store.list_ids() == [active.upload.id]


async def test_an_upload_that_trickles_ends_at_its_maximum_lifetime(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        begun = rig.time
        made, _ = await rig.intake.create(UploadRequest("trickle.mp3", 200, origin=MINE), "native")
        for start in range(0, 100, 10):
            rig.time += HOUR - 1
            await _one_slice(rig, made.upload.id, start)
            expected = min(rig.time + HOUR, begun + 10 * HOUR)
            assert (await rig.intake.show(made.upload.id, ME)).expires_at == expected
        assert expected == begun + 10 * HOUR
        writing = asyncio.create_task(_slow_slice(rig, made.upload.id, 100))
        await asyncio.sleep(0.05)
        await rig.sweeper.expire()
        assert (await rig.intake.show(made.upload.id, ME)).upload.state is State.RECEIVING
        rig.time = begun + 10 * HOUR + 1
        await rig.sweeper.expire()
        assert (await rig.intake.show(made.upload.id, ME)).upload.state is State.EXPIRED
        with pytest.raises(Superseded):
            await writing


async def test_an_upload_that_is_written_does_not_expire_for_being_idle(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        made, _ = await rig.intake.create(UploadRequest("slow.mp3", 100, origin=MINE), "native")
        writing = asyncio.create_task(_slow_slice(rig, made.upload.id, 0))
        await asyncio.sleep(0.05)
        rig.time += 2 * HOUR
        await rig.sweeper.expire()
        assert (await rig.intake.show(made.upload.id, ME)).upload.state is State.RECEIVING
        writing.cancel()


async def test_partial_without_a_row_is_freed_at_the_start(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        kept, _ = await rig.intake.create(UploadRequest("kept.mp3", 100, origin=MINE), "native")
        await rig.store.create("orphan", 100)
        await rig.recovery.run()
        assert await rig.store.list_ids() == [kept.upload.id]


async def test_what_a_killed_process_left_is_removed_while_others_work(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig, Rig(tmp_path / "data", beside=rig, first_id=1000) as other:
        kept = (await rig.intake.create(UploadRequest("kept.mp3", 100, origin=MINE), "native"))[0].upload.id
        ended, busy = [
            (await rig.intake.create(UploadRequest("ended.mp3", 100, origin=MINE), "native"))[0].upload.id
            for _ in range(2)
        ]
        # Killed after it saved that the upload has ended; or before it saved that there is one.
        for upload_id in (ended, busy):
            await rig.intake.cancel(upload_id, ME)
        for upload_id in (ended, busy, "unborn", "coming"):
            await rig.store.create(upload_id, 100)
        for key in (kept, busy, "edited", "editing"):
            rig.spool.path("").parent.joinpath(".incoming", key).touch()
        assert await other.store.try_exclusive("coming")
        assert await other.locks.acquire(upload_lock(busy), 0)
        assert await other.locks.acquire(file_lock("editing"), 0)
        await rig.leftovers.clear()
        assert set(await rig.store.list_ids()) == {kept, busy, "coming"}
        assert set(await rig.spool.list_assembled()) == {busy, "editing"}
        other.locks.release(upload_lock(busy))
        other.locks.release(file_lock("editing"))
        other.store.end_exclusive("coming")
        await rig.leftovers.clear()
        assert await rig.store.list_ids() == [kept]
        assert await rig.spool.list_assembled() == []
        await _one_slice(rig, kept, 0)


async def test_upload_whose_new_partial_was_taken_for_a_leftover_gets_another(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = (await rig.intake.create(UploadRequest("kept.mp3", 100, origin=MINE), "native"))[0].upload.id
        await rig.store.discard(upload_id)
        await _one_slice(rig, upload_id, 0)
        assert rig.store.path(upload_id).read_bytes()[:10] == b"x" * 10


async def test_whole_uploads_are_completed_while_other_nodes_receive(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig, Rig(tmp_path / "data", beside=rig, first_id=1000) as other:
        form, _ = await other.intake.create(UploadRequest("form.mp3", None, origin=MINE), "form")
        receiving = asyncio.create_task(_slow_slice(other, form.upload.id, 0, "form"))
        whole, _ = await other.intake.create(UploadRequest("whole.mp3", 10, origin=MINE), "native")
        # Recorded by a process that was killed before it completed the upload.
        await rig.database.record(whole.upload.id, Slice(0, 10), rig.time, complete=False)
        await asyncio.sleep(0.05)
        await asyncio.gather(rig.recovery.complete_whole(), other.recovery.complete_whole())
        assert (await rig.intake.show(whole.upload.id, ME)).upload.state is State.RECEIVED
        assert (await rig.intake.show(form.upload.id, ME)).upload.state is State.RECEIVING
        assert not receiving.done()
        receiving.cancel()


async def test_cut_form_is_given_up_at_the_start(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        form, _ = await rig.intake.create(UploadRequest("form.mp3", None, origin=MINE), "form")
    async with Rig(tmp_path / "data") as rig:
        await rig.recovery.run()
        assert (await rig.intake.show(form.upload.id, ME)).upload.state is State.CANCELLED
        assert await rig.store.list_ids() == []


async def test_quarantine_is_emptied_of_what_is_old(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, TEXT, "words.mp3")
        await finish_all(rig)
        kept = list(rig.folders.quarantine.iterdir())
        assert await rig.quarantine.purge(before=0) == []
        assert list(rig.folders.quarantine.iterdir()) == kept
        rig.time += 100 * 365 * 24 * HOUR
        await rig.sweeper.expire()
        assert list(rig.folders.quarantine.iterdir()) == []


async def test_old_entries_of_the_audit_trail_are_deleted(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        for at in (rig.time - HOUR - 1, rig.time - HOUR):
            await rig.database.audit.add(AuditEntry(at=at, action=Action.SIGN_IN, actor=Actor(None)))
        await rig.sweeper.purge_audit()
        entries, _ = await rig.database.audit.entries(AuditFilter(), None, 50)
        assert [entry.at for entry in entries] == [rig.time - HOUR]


async def test_many_uploads_expire_together(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        made = [(await rig.intake.create(UploadRequest("a.mp3", 10, origin=MINE), "native"))[0] for _ in range(600)]
        rig.time += HOUR + 1
        await rig.sweeper.expire()
        for view in made[::100]:
            assert (await rig.intake.show(view.upload.id, ME)).upload.state is State.EXPIRED
        assert await rig.store.list_ids() == []


async def test_one_that_cannot_expire_keeps_no_other(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        made = [
            (await rig.intake.create(UploadRequest("a.mp3", 10, origin=MINE), "native"))[0].upload.id for _ in range(3)
        ]
        # A folder in place of its partial, which cannot be unlinked.
        rig.store.path(made[1]).unlink()
        rig.store.path(made[1]).mkdir()
        rig.time += HOUR + 1
        with pytest.raises(ServiceError):
            await rig.sweeper.expire()
        for upload_id in (made[0], made[2]):
            assert (await rig.intake.show(upload_id, ME)).upload.state is State.EXPIRED


async def test_sweeping_empties_the_trash_and_finds_taken_files(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        files = []
        for name in ("old", "taken"):
            upload_id = await receive(rig, MP3, f"{name}.mp3")
            await finish_all(rig)
            files.append((await the_rows(rig, upload_id))[1])
        await rig.trash.put(files[0].id, lambda _: True, Actor(None))
        rig.spool.path("taken.mp3").unlink()
        rig.time += HOUR + 1
        sweeping = asyncio.create_task(sweeper(rig, rig.database).run())
        wanted = [Place.PURGED, Place.TAKEN]
        async with asyncio.timeout(10):
            while [file and file.place for file in [await rig.database.file(file.id) for file in files]] != wanted:
                await asyncio.sleep(0.01)
        sweeping.cancel()


async def test_sweeping_goes_on_after_any_error(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        made, _ = await rig.intake.create(UploadRequest("a.mp3", 10, origin=MINE), "native")
        rig.time += HOUR + 1
        failing = Failing(rig.database, "expiring", [ZeroDivisionError()])
        sweeping = asyncio.create_task(sweeper(rig, failing).run())
        try:
            async with asyncio.timeout(10):
                while (await rig.intake.show(made.upload.id, ME)).upload.state is not State.EXPIRED:
                    await asyncio.sleep(0.01)
        finally:
            sweeping.cancel()
