"""Quotas of service, collections and owners while bytes come, and from the creation to the finished file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from media_service.catalogue.sqlite import usage_check
from media_service.core.access import Origin
from media_service.core.accounts import OwnerLimits
from media_service.core.errors.limits import QuotaExceeded
from media_service.core.lifecycle import UploadRequest
from media_service.core.quota import FIRST_CHARGE_BYTES, StorageLimits
from media_service.core.upload import Review
from media_service.core.upload_states import State
from media_service.core.usage import Usage
from media_service.intake.receiving.append import AppendRequest
from media_service.intake.receiving.slice_request import SliceRequest
from tests.catalogue.samples import write
from tests.intake.callers import ME
from tests.intake.rig import Rig
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.intake.receiving.active_uploads import UploadView

KIM = "person:kim"
ORIGIN = Origin("me", account=KIM, collection="show")
IDS = ("service", "collection:show", KIM)
HUNDRED = StorageLimits(person=OwnerLimits(bytes=100))


async def create(rig: Rig, length: int | None, dialect: str = "native", **more: Any) -> str:
    view, _ = await rig.intake.create(UploadRequest("a.mp3", length, origin=ORIGIN, **more), dialect)
    return view.upload.id


async def blocks(*given: bytes) -> AsyncIterator[bytes]:
    for block in given:
        yield block


async def send(rig: Rig, upload_id: str, start: int, data: bytes) -> UploadView:
    return await rig.intake.receive(upload_id, ME, SliceRequest(start, len(data), None, "native"), blocks(data))


async def usage(rig: Rig) -> list[Usage]:
    """Return the sums, which must be what the rows add up to."""
    assert all(row.is_right for row in usage_check.check(rig.folders.catalogue))
    found = await rig.database.usage_of(IDS)
    return [found[usage_id] for usage_id in IDS]


async def test_bytes_without_a_length_are_refused_beyond_the_quota_and_go_on_once_it_is_raised(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", storage_limits=HUNDRED) as rig:
        upload_id = await create(rig, None)
        await send(rig, upload_id, 0, bytes(60))
        with pytest.raises(QuotaExceeded) as refusal:
            await send(rig, upload_id, 60, bytes(41))
        assert refusal.value.details() == {
            "of": "owner",
            "unit": "bytes",
            "limit": 100,
            "used": 0,
            "reserved": 100,
            "needed": 1,
        }
        assert (await rig.intake.show(upload_id, ME)).received.offset == 60
    raised = StorageLimits(person=OwnerLimits(bytes=200))
    async with Rig(tmp_path / "data", storage_limits=raised, first_id=9) as rig:
        assert (await send(rig, upload_id, 60, bytes(41))).received.offset == 101
        assert await usage(rig) == [Usage(0, 0, 1, 200)] * 3


async def test_an_append_keeps_what_was_recorded_before_the_quota_was_exceeded(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", storage_limits=HUNDRED) as rig:
        upload_id = await create(rig, None, "tus")

        async def append(at: int, *given: bytes) -> UploadView:
            return await rig.appends.append(upload_id, ME, AppendRequest(at, None, "tus"), blocks(*given))

        await append(0, bytes(50), bytes(40))
        with pytest.raises(QuotaExceeded):
            await append(90, bytes(5), bytes(6))
        assert (await rig.appends.standing(upload_id, ME)).received.offset == 90
        assert (await append(90, bytes(5), bytes(5))).received.offset == 100
        write(rig.folders.catalogue, f"INSERT INTO owners VALUES ({owner_with_bytes(110)})")
        assert (await append(100, bytes(10))).received.offset == 110


def owner_with_bytes(limit: int) -> str:
    """Return the values of a person with this limit."""
    return f"'{KIM}', 'person', 'sender', 'Kim', 'kim', NULL, 0, NULL, {limit}, NULL, NULL, 1, NULL, NULL"


async def test_a_length_that_becomes_known_is_reserved(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", storage_limits=HUNDRED) as rig:
        upload_id = await create(rig, None)
        with pytest.raises(QuotaExceeded):
            await rig.intake.edits.amend(upload_id, ME, length=101)
        await rig.intake.edits.amend(upload_id, ME, length=70)
        assert await usage(rig) == [Usage(0, 0, 1, 70)] * 3
        assert await rig.intake.largest(KIM, "show") == 30
        with pytest.raises(QuotaExceeded):
            await create(rig, 31)
        assert len(await rig.store.list_ids()) == 1
        await rig.intake.cancel(upload_id, ME)
        assert await usage(rig) == [Usage()] * 3


async def test_another_process_may_have_reserved_more(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig, Rig(tmp_path / "data", beside=rig, is_deaf=True, first_id=9) as other:
        upload_id = await create(rig, None)
        await send(other, upload_id, FIRST_CHARGE_BYTES, bytes(1))
        await send(rig, upload_id, 2 * FIRST_CHARGE_BYTES - 1, bytes(1))
        assert await usage(rig) == [Usage(0, 0, 1, 2 * FIRST_CHARGE_BYTES)] * 3
        await rig.intake.edits.amend(upload_id, ME, length=2 * FIRST_CHARGE_BYTES)
        assert await usage(rig) == [Usage(0, 0, 1, 2 * FIRST_CHARGE_BYTES)] * 3


async def finish(rig: Rig, data: bytes, **more: Any) -> UploadView:
    """Send and finalize a file."""
    upload_id = await create(rig, len(data), **more)
    await send(rig, upload_id, 0, data)
    await rig.finalizer.finalize_one(upload_id)
    return await rig.intake.show(upload_id, ME)


async def test_a_finished_file_counts_with_its_size_and_a_linked_one_does_not(tmp_path: Path) -> None:
    data = make_mp3(2)
    async with Rig(tmp_path / "data", duplicates="link") as rig:
        done = (await finish(rig, data, tags={"title": "Night"})).upload
        file = await rig.database.file(done.file_id or "")
        assert file is not None
        size = file.spool_entry.size
        assert size != len(data)
        assert await usage(rig) == [Usage(1, size)] * 3
        assert (await finish(rig, data)).upload.file_id == file.id
        assert await usage(rig) == [Usage(1, size)] * 3
        longer, _ = await rig.retagger.edit(file.id, {"comment": "x" * 4000}, lambda _: True)
        assert longer.spool_entry.size > size
        assert await usage(rig) == [Usage(1, longer.spool_entry.size)] * 3


async def test_a_rejected_file_counts_for_its_owner_only_while_it_is_checked_again(tmp_path: Path) -> None:
    data = b"no audio" * 20
    async with Rig(tmp_path / "data", storage_limits=StorageLimits(person=OwnerLimits(files=1))) as rig:
        view = await finish(rig, data)
        assert view.upload.state is State.REJECTED
        kept = Usage(0, 0, 1, len(data))
        assert await usage(rig) == [kept, kept, Usage()]
        other = await create(rig, 5)
        await rig.rejected.recheck(view.upload.id, Review.AGAIN)
        both = Usage(0, 0, 2, len(data) + 5)
        assert await usage(rig) == [both] * 3
        await rig.finalizer.finalize_one(view.upload.id)
        await rig.intake.cancel(other, ME)
        assert await usage(rig) == [kept, kept, Usage()]
        await rig.rejected.forget(view.upload.id)
        assert await usage(rig) == [Usage()] * 3


@pytest.mark.parametrize("by_hand", [True, False])
async def test_what_the_quarantine_has_no_more_counts_no_more(tmp_path: Path, by_hand: bool) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = (await finish(rig, b"no audio" * 20)).upload.id
        later, rig.time = rig.time, 0
        await rig.sweeper.expire()
        assert (await usage(rig))[0].reserved_files == 1
        if by_hand:
            rig.quarantine.path(upload_id).unlink()
        else:
            rig.time = later
        await rig.sweeper.expire()
        assert await usage(rig) == [Usage()] * 3
