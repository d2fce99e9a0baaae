"""Concatenation: complete parts become one upload in their order, through a crash at any step."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.core.access import Origin
from media_service.core.concatenation import CONCAT, PARTIAL
from media_service.core.errors.limits import FileTooLarge, QuotaExceeded
from media_service.core.errors.requests import Malformed
from media_service.core.errors.service import StorageError
from media_service.core.errors.uploads import BytesMissing, UnknownUpload, UploadGone
from media_service.core.lifecycle import UploadRequest
from media_service.core.limits import Limits
from media_service.core.quota import Quota, Quotas
from media_service.core.upload_states import COMPLETE_STATES, GONE, State
from media_service.intake.receiving.append import AppendRequest
from media_service.intake.receiving.concatenate import Concatenator
from media_service.storage.upload_store import DiskUploadStore
from tests.intake.callers import ME, MINE, mine, viewer
from tests.intake.rig import Crash, Rig, Steps
from tests.intake.test_append import body
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.errors.base import Refusal
    from media_service.core.upload import Slice

MP3 = make_mp3(1, seed=141)
PARTS = (MP3[:3000], MP3[3000:3001], MP3[3001:])


async def make_part(rig: Rig, content: bytes, length: int | None = None, concat: str = PARTIAL) -> str:
    announced = length or len(content)
    request = UploadRequest(
        "part.mp3", announced, defer_completion=True, protocol_fields={CONCAT: concat}, origin=mine("192.0.2.1")
    )
    view, _ = await rig.intake.create(request, "tus")
    await rig.appends.append(view.upload.id, ME, AppendRequest(0, None, "tus"), body(content))
    return view.upload.id


def request(*parts: str) -> UploadRequest:
    return UploadRequest("joined.mp3", None, protocol_fields={CONCAT: f"final;{' '.join(parts)}"}, origin=MINE)


async def test_parts_become_one_file_in_their_order(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        parts = [await make_part(rig, content) for content in PARTS]
        view = await rig.concatenator.concatenate(request(*parts), parts, ME, "tus")
        assert (view.upload.state, view.upload.length) == (State.RECEIVED, len(MP3))
        assert rig.store.path(view.upload.id).read_bytes() == MP3
        assert await rig.store.list_ids() == [view.upload.id]
        for part in parts:
            assert (await rig.intake.show(part, ME)).upload.state is State.CANCELLED
        with pytest.raises(UploadGone):
            await rig.concatenator.concatenate(request(*parts), parts, ME, "tus")


@pytest.mark.parametrize(
    ("owner", "length", "concat", "refusal"),
    [
        ("you", None, PARTIAL, UnknownUpload),
        ("me", len(MP3) + 1, PARTIAL, BytesMissing),
        ("me", None, "other", Malformed),
    ],
)
async def test_only_own_complete_parts_are_concatenated(
    tmp_path: Path, owner: str, length: int | None, concat: str, refusal: type[Refusal]
) -> None:
    async with Rig(tmp_path / "data") as rig:
        part = await make_part(rig, MP3, length, concat)
        with pytest.raises(refusal):
            await rig.concatenator.concatenate(request(part), [part], viewer(owner), "tus")
        assert await rig.store.list_ids() == [part]


async def test_the_sum_of_the_parts_is_within_the_limit(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", limits=Limits(file=len(MP3) + 10, slice=2**26, slice_size=2**22)) as rig:
        parts = [await make_part(rig, MP3), await make_part(rig, MP3[:11])]
        with pytest.raises(FileTooLarge):
            await rig.concatenator.concatenate(request(*parts), parts, ME, "tus")


async def test_a_part_is_joined_once_and_64_at_most(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        part = await make_part(rig, MP3)
        for parts in ([part, part], [f"{number}" for number in range(65)]):
            with pytest.raises(Malformed):
                await rig.concatenator.concatenate(request(*parts), parts, ME, "tus")
        assert await rig.store.list_ids() == [part]


async def test_joined_bytes_count_before_they_are_copied(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", quotas=Quotas(Quota(bytes=2 * len(MP3) - 1))) as rig:
        parts = [await make_part(rig, content) for content in PARTS]
        joined = replace(request(*parts), origin=Origin(address="192.0.2.1"))
        with pytest.raises(QuotaExceeded):
            await rig.concatenator.concatenate(joined, parts, ME, "tus")
        assert sorted(await rig.store.list_ids()) == sorted(parts)


async def test_a_crash_at_any_step_leaves_the_parts_or_the_concatenation(tmp_path: Path) -> None:
    async with Rig(tmp_path / "before") as rig:
        parts = [await make_part(rig, content) for content in PARTS]
    crash_at, crashed, complete = 0, True, 0
    while crashed:
        crash_at, crashed = crash_at + 1, False
        folder = shutil.copytree(tmp_path / "before", tmp_path / str(crash_at))
        async with Rig(folder, Steps(crash_at, for_good=True), first_id=len(PARTS)) as rig:
            try:
                await rig.concatenator.concatenate(request(*parts), parts, ME, "tus")
            except Crash:
                crashed = True
        async with Rig(folder) as rig:
            await rig.recovery.run()
            views, _ = await rig.intake.listing("me", [], None, 10)
            joined = [view.upload for view in views if view.upload.id not in parts]
            assert all(upload.state in COMPLETE_STATES | GONE for upload in joined), (
                "an incomplete concatenation stays open"
            )
            if any(upload.state in COMPLETE_STATES for upload in joined):
                complete += 1
                assert rig.store.path(joined[0].id).read_bytes() == MP3
            else:
                for part, content in zip(parts, PARTS, strict=True):
                    assert rig.store.path(part).read_bytes() == content
    assert crash_at > complete > 1


@pytest.mark.parametrize("given_up", [0, 1, "joined"])
async def test_what_is_cancelled_during_concatenation_is_refused(tmp_path: Path, given_up: int | str) -> None:
    async with Rig(tmp_path / "data") as rig:
        parts = [await make_part(rig, content) for content in PARTS]

        class Interrupting(DiskUploadStore):
            """Cancels an upload just before the copying."""

            async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, Sequence[Slice], int]]) -> None:
                await rig.intake.cancel(parts[given_up] if isinstance(given_up, int) else upload_id, ME)
                await super().concatenate(upload_id, sources)

        store = Interrupting(rig.folders.partials, rig.storage_rpc)
        with pytest.raises(UploadGone):
            await Concatenator(rig.intake, store).concatenate(request(*parts), parts, ME, "tus")
        kept = [part for number, part in enumerate(parts) if number != given_up]
        assert sorted(await rig.store.list_ids()) == sorted(kept)


async def test_missing_bytes_of_a_part_are_a_storage_error_and_no_hole(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        parts = [await make_part(rig, content) for content in PARTS]
        rig.store.path(parts[1]).unlink()
        with pytest.raises(StorageError):
            await rig.concatenator.concatenate(request(*parts), parts, ME, "tus")
        assert sorted(await rig.store.list_ids()) == sorted([parts[0], parts[2]])
