"""Uploads whose finalizing failed: tried again, then shown, cancelled or expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.uploads import UnknownUpload, WrongState
from media_service.core.upload import Review
from media_service.core.upload_states import State
from media_service.intake.finalizing import queue
from media_service.intake.upload_locks import locked, upload_lock
from tests.intake.callers import ME, SOMEBODY
from tests.intake.finishing import MP3, SOUND, TEXT, finalizer_with, finish_all, receive, run_until
from tests.intake.rig import HOUR, Rig
from tests.support.failing import Failing

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.core.access import Viewer


async def test_a_fault_of_ours_is_tried_again_and_then_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "FIRST_RETRY_SECONDS", 0.01)
    async with Rig(tmp_path / "data") as rig:

        def faulty(times: int) -> Failing:
            return Failing(rig.inspector, "verify", [KeyError("a fault of ours") for _ in range(times)])

        passing = await receive(rig, SOUND, "passing.mp3")
        assert (await run_until(rig, finalizer_with(rig, media=faulty(3)), passing)).state is State.SPOOLED

        lasting = await receive(rig, MP3, "lasting.mp3")
        media = faulty(1000)
        left = await run_until(rig, finalizer_with(rig, media=media), lasting)
        assert (left.state, left.verdict and left.verdict.code) == (State.RECEIVED, "finalize_failed")
        assert media.calls == queue.MAX_FAULTS
        assert rig.store.path(lasting).read_bytes() == MP3

        ended = await run_until(rig, finalizer_with(rig), lasting)
        assert (ended.state, ended.verdict) == (State.SPOOLED, None)


async def failed(rig: Rig, data: bytes = MP3, review: Review | None = None) -> str:
    """Return the id of an upload whose finishing failed for good."""
    upload_id = await receive(rig, data)
    if review is not None:
        await finish_all(rig)
        await rig.rejected.recheck(upload_id, review)
    await rig.finalizer.record_fault(upload_id)
    rig.finalizer.queue._forget(upload_id)  # as a worker does after the last attempt
    return upload_id


@pytest.mark.parametrize("caller", [ME, None])
async def test_what_could_not_be_finished_can_be_cancelled(tmp_path: Path, caller: Viewer | None) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await failed(rig)
        with pytest.raises(UnknownUpload):
            await rig.intake.cancel(upload_id, SOMEBODY)
        await rig.intake.cancel(upload_id, caller)
        await rig.intake.cancel(upload_id, caller)
        assert (await rig.intake.show(upload_id, ME)).upload.state is State.CANCELLED
        assert await rig.store.list_ids() == []
        assert await rig.spool.list_assembled() == []


async def test_what_was_looked_at_again_in_vain_can_be_cancelled(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await failed(rig, TEXT, Review.FORCED)
        await rig.intake.cancel(upload_id, None)
        assert await rig.quarantine.size(upload_id) is None
        assert await rig.store.list_ids() == []


async def test_what_is_being_finished_cannot_be_cancelled(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await failed(rig)
        async with locked(rig.locks, upload_lock(upload_id)):
            with pytest.raises(WrongState):
                await rig.intake.cancel(upload_id, ME)
        waiting = await receive(rig, SOUND, "waiting.mp3")
        with pytest.raises(WrongState):
            await rig.intake.cancel(waiting, ME)
        await finish_all(rig)
        assert (await rig.intake.show(upload_id, ME)).upload.state is State.SPOOLED


async def test_what_could_not_be_finished_expires_with_its_deadline(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await failed(rig)
        rig.time += 10 * HOUR
        await rig.sweeper.expire()
        assert (await rig.intake.show(upload_id, ME)).upload.state is State.RECEIVED
        rig.time += 1
        await rig.sweeper.expire()
        assert (await rig.intake.show(upload_id, ME)).upload.state is State.EXPIRED
        assert await rig.store.list_ids() == []
