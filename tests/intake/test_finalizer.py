"""Finalizing: wherever the process crashes, finalizing again ends the upload, once and correctly."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from mutagen.id3 import ID3

from media_service.core.access import Origin
from media_service.core.digest import ContentHash
from media_service.core.errors.files import TooCostly
from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.core.errors.uploads import UnknownUpload, WrongState
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload import Review
from media_service.core.upload_states import FINISHING, State
from media_service.intake.assembly import FinisherParts
from media_service.intake.finalizing import queue
from media_service.intake.receiving.slices import SliceRequest
from media_service.intake.upload_locks import locked, upload_lock
from tests.intake.callers import ME, MINE, SOMEBODY
from tests.intake.rig import HOUR, Crash, Rig, Steps
from tests.support.failing import Failing
from tests.support.mp3 import make_frames, make_mp3, tag_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.access import Viewer
    from media_service.core.upload import Upload
    from media_service.intake.finalizing.finalizer import Finalizer

MP3 = make_mp3(1, {"artist": "Kept"}, seed=81)
TEXT = b"no music at all\n" * 1000


async def receive(rig: Rig, data: bytes, name: str = "show.mp3", claims: Any = None, owner: str = "me") -> str:
    """Return the id of an upload with all bytes recorded, not yet finalized."""
    request = replace(UploadRequest(name, len(data), tags={"title": "T"}), **(claims or {}))
    view, _ = await rig.intake.create(replace(request, origin=Origin(owner)), "native")

    async def blocks() -> AsyncIterator[bytes]:
        yield data

    await rig.intake.receive(view.upload.id, None, SliceRequest(0, len(data), None, "native"), blocks())
    return view.upload.id


async def finish_all(rig: Rig) -> None:
    """Do what a start does: discard orphans, recover, finalize complete uploads."""
    await rig.recovery.run()
    for upload in await rig.database.in_state(FINISHING):
        loaded = await rig.database.load(upload.id)
        assert loaded is not None
        await rig.finalizer.finish(*loaded)


async def test_complete_mp3_is_spooled_with_its_tags(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].state is State.SPOOLED
        file = await rig.database.file(loaded[0].file_id or "")
        assert file is not None
        assert dict(file.tags) == {"title": "T", "artist": "Kept"}
        assert rig.names() == ["show.mp3"]
        assert await rig.store.list_ids() == []


@pytest.mark.parametrize(("data", "end"), [(MP3, State.SPOOLED), (TEXT, State.REJECTED)])
async def test_crash_at_any_step_ends_the_same(tmp_path: Path, data: bytes, end: State) -> None:
    crash_at = 0
    while True:
        crash_at += 1
        folder = tmp_path / str(crash_at)
        crashed = False
        steps = Steps(crash_at)
        async with Rig(folder, steps) as rig:
            try:
                upload_id = await receive(rig, data)
                await finish_all(rig)
            except Crash:
                crashed = True
        async with Rig(folder) as rig:
            await finish_all(rig)
            await _check_end(rig, end)
        if not crashed:
            break
    assert crash_at > 15, "the steps were not counted"
    assert upload_id


@pytest.mark.parametrize(("data", "end"), [(MP3, State.SPOOLED), (TEXT, State.REJECTED)])
async def test_an_answer_lost_at_any_step_ends_the_same(tmp_path: Path, data: bytes, end: State) -> None:
    for place in itertools.count(1):
        steps = Steps()
        async with Rig(tmp_path / str(place), steps) as rig:
            upload_id = await receive(rig, data)
            steps.lose_answer(place)
            lost = 0
            while True:
                try:
                    ended = await rig.finalizer.finalize_one(upload_id)
                    break
                except CatalogueError:
                    lost += 1
            assert ended
            await _check_end(rig, end)
        if not lost:
            break
    assert place > 10, "the steps were not counted"


async def test_the_next_of_the_same_sound_is_finished_although_an_answer_was_lost(tmp_path: Path) -> None:
    for place in itertools.count(1):
        steps = Steps()
        async with Rig(tmp_path / str(place), steps) as rig:
            first, second = await receive(rig, MP3), await receive(rig, MP3)
            steps.lose_answer(place)
            with suppress(CatalogueError):
                await rig.finalizer.finalize_one(first)
                break
            await rig.finalizer.finalize_one(second)
            assert await rig.finalizer.finalize_one(first)
            assert await rig.finalizer.finalize_one(second)
            assert rig.names() == ["show (2).mp3", "show.mp3"]
    assert place > 10, "the steps were not counted"


async def _check_end(rig: Rig, end: State) -> None:
    """Check that there is one file or none, a row that says so, and nothing else left."""
    spooled = await rig.database.in_state({State.SPOOLED})
    rejected = await rig.database.in_state({State.REJECTED})
    waiting = {upload.id for upload in await rig.database.in_state({State.RECEIVING})}
    assert not await rig.database.in_state({State.LOST})
    if end is State.SPOOLED:
        assert rig.names() == ["show.mp3"][: len(spooled)]
        assert not rejected
    else:
        assert rig.names() == []
        kept = {path.stem for path in rig.folders.quarantine.iterdir()}
        assert {upload.id for upload in rejected} <= kept
    # After a crash before the last byte was recorded, the client can resume the upload.
    assert len(spooled) + len(rejected) + len(waiting) <= 1
    assert set(await rig.store.list_ids()) == waiting
    assert await rig.spool.list_assembled() == []


@pytest.mark.parametrize("claim", ["digest", "content_hash"])
async def test_file_of_other_bytes_than_claimed_is_rejected(tmp_path: Path, claim: str) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3, claims={claim: bytes(32)})
        await finish_all(rig)
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].verdict is not None
        assert loaded[0].verdict.code == {"digest": "digest_mismatch", "content_hash": "content_hash_mismatch"}[claim]


async def test_right_claims_are_proven(tmp_path: Path) -> None:
    content = ContentHash()
    content.update(MP3)
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3, claims={"digest": hashlib.sha256(MP3).digest(), "content_hash": content.digest()})
        await finish_all(rig)
        assert rig.names() == ["show.mp3"]


async def test_missing_partial_is_lost_not_spooled(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        rig.store.path(upload_id).unlink()
        await finish_all(rig)
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].state is State.LOST


async def test_name_of_a_file_that_was_taken_away_is_not_given_again(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3)
        await finish_all(rig)
        rig.spool.path("show.mp3").unlink()
        await receive(rig, MP3)
        await finish_all(rig)
        assert rig.names() == ["show (2).mp3"]


async def spooled(rig: Rig, data: bytes, name: str = "show.mp3", owner: str = "me") -> Any:
    """Return the upload of these bytes after finalizing."""
    upload_id = await receive(rig, data, name, owner=owner)
    await finish_all(rig)
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    return loaded[0]


SOUND = make_frames(100, seed=82)
RETAGGED = tag_bytes({"title": "Another"}, 3) + SOUND


@pytest.mark.parametrize(("second", "same"), [(SOUND, "same bytes"), (RETAGGED, "same sound")])
async def test_the_same_sound_is_kept_and_said(tmp_path: Path, second: bytes, same: str) -> None:
    async with Rig(tmp_path / "data") as rig:
        await spooled(rig, SOUND)
        again = await spooled(rig, second)
        assert rig.names() == ["show (2).mp3", "show.mp3"]
        assert again.facts is not None
        (note,) = again.facts.findings
        assert (note.code, note.severity, note.expected, note.actual) == ("duplicate", "info", same, "show.mp3")


@pytest.mark.parametrize("second", [SOUND, RETAGGED])
async def test_the_same_sound_is_refused_where_that_is_wanted(tmp_path: Path, second: bytes) -> None:
    async with Rig(tmp_path / "data", duplicates="refuse") as rig:
        await spooled(rig, SOUND)
        again = await spooled(rig, second)
        assert (again.state, again.verdict.code, again.verdict.details) == (
            State.REJECTED,
            "duplicate",
            {"name": "show.mp3"},
        )
        assert rig.names() == ["show.mp3"]


@pytest.mark.parametrize("second", [SOUND, RETAGGED])
async def test_the_same_sound_leads_to_the_first_where_that_is_wanted(tmp_path: Path, second: bytes) -> None:
    async with Rig(tmp_path / "data", duplicates="link") as rig:
        first = await spooled(rig, SOUND)
        again = await spooled(rig, second)
        assert (again.state, again.file_id) == (State.SPOOLED, first.file_id)
        assert rig.names() == ["show.mp3"]
        assert await rig.store.list_ids() == []


STRANGERS = [("me", "you"), ("me", "local"), ("local", "me"), ("local", "local")]
"""Owners of a file and of an upload with the same audio who are not one person: `local` is shared."""


@pytest.mark.parametrize(("first", "second"), STRANGERS)
@pytest.mark.parametrize("data", [SOUND, RETAGGED])
async def test_a_strangers_file_of_the_same_audio_is_not_named(
    tmp_path: Path, first: str, second: str, data: bytes
) -> None:
    async with Rig(tmp_path / "data") as rig:
        await spooled(rig, SOUND, owner=first)
        again = await spooled(rig, data, owner=second)
        (note,) = again.facts.findings
        assert (note.code, note.actual) == ("duplicate", None)
        assert rig.names() == ["show (2).mp3", "show.mp3"]


@pytest.mark.parametrize(("first", "second"), STRANGERS)
async def test_a_strangers_file_refuses_the_same_audio_without_its_name(
    tmp_path: Path, first: str, second: str
) -> None:
    async with Rig(tmp_path / "data", duplicates="refuse") as rig:
        await spooled(rig, SOUND, "secret.mp3", owner=first)
        again = await spooled(rig, RETAGGED, owner=second)
        assert (again.state, again.verdict.code, again.verdict.details) == (
            State.REJECTED,
            "duplicate",
            {"name": None},
        )
        assert [finding.actual for finding in again.verdict.findings] == [None]
        report = (tmp_path / "data" / "quarantine" / f"{again.id}.json").read_text()
        assert "secret" not in report


@pytest.mark.parametrize(("first", "second"), STRANGERS)
async def test_no_upload_leads_to_a_strangers_file(tmp_path: Path, first: str, second: str) -> None:
    async with Rig(tmp_path / "data", duplicates="link") as rig:
        there = await spooled(rig, SOUND, owner=first)
        again = await spooled(rig, RETAGGED, owner=second)
        assert again.state is State.SPOOLED
        assert again.file_id != there.file_id
        assert len(rig.names()) == 2


async def test_an_own_file_is_named_before_an_older_one_of_a_stranger(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await spooled(rig, SOUND, "theirs.mp3", owner="you")
        await spooled(rig, SOUND, "mine.mp3")
        again = await spooled(rig, RETAGGED)
        assert [finding.actual for finding in again.facts.findings] == ["mine.mp3"]


async def finish_together(rig: Rig) -> None:
    """Finalize complete uploads, all at once, until none is left. Raise Crash."""
    while left := [await rig.database.load(upload.id) for upload in await rig.database.in_state(FINISHING)]:
        ends = [rig.finalizer.finish(*loaded) for loaded in left if loaded is not None]
        for end in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(end, BaseException):
                raise end


async def ended(rig: Rig, upload_ids: list[str]) -> list[Upload]:
    """Return the uploads, spooled ones first."""
    loaded = [await rig.database.load(upload_id) for upload_id in upload_ids]
    uploads = [found[0] for found in loaded if found is not None]
    return sorted(uploads, key=lambda upload: upload.state is not State.SPOOLED)


LIKE = {"twice.mp3": SOUND, "other tags.mp3": RETAGGED, "once.mp3": SOUND}


async def test_of_the_same_sound_at_once_one_is_stored_where_others_are_refused(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", duplicates="refuse") as rig:
        ids = [await receive(rig, data, name) for name, data in LIKE.items()]
        await finish_together(rig)
        first, *others = await ended(rig, ids)
        assert [upload.state for upload in (first, *others)] == [State.SPOOLED, State.REJECTED, State.REJECTED]
        assert rig.names() == [first.filename]
        assert {(upload.verdict.code, upload.verdict.details["name"]) for upload in others if upload.verdict} == {
            ("duplicate", first.filename)
        }


async def test_of_the_same_sound_at_once_all_lead_to_one_where_that_is_wanted(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", duplicates="link") as rig:
        ids = [await receive(rig, data, name) for name, data in LIKE.items()]
        await finish_together(rig)
        uploads = await ended(rig, ids)
        assert {upload.state for upload in uploads} == {State.SPOOLED}
        assert len({upload.file_id for upload in uploads}) == len(rig.names()) == 1
        assert await rig.store.list_ids() == []


async def test_of_the_same_sound_at_once_all_but_one_say_so(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        ids = [await receive(rig, data) for data in LIKE.values()]
        await finish_together(rig)
        uploads = await ended(rig, ids)
        assert rig.names() == ["show (2).mp3", "show (3).mp3", "show.mp3"]
        notes = [[finding.code for finding in upload.facts.findings] for upload in uploads if upload.facts]
        assert sorted(notes) == [[], ["duplicate"], ["duplicate"]]


async def test_files_of_one_name_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        for seed in range(6):
            await receive(rig, make_mp3(1, seed=seed))
        await finish_together(rig)
        assert rig.names() == [*(f"show ({number}).mp3" for number in range(2, 7)), "show.mp3"]


@pytest.mark.parametrize("duplicates", ["refuse", "link"])
async def test_a_crash_while_the_same_sound_is_finished_at_once_leaves_one(
    tmp_path: Path, duplicates: Literal["refuse", "link"]
) -> None:
    for crash_at in range(1, 200):
        folder = tmp_path / str(crash_at)
        async with Rig(folder, duplicates=duplicates) as rig:
            ids = [await receive(rig, data, name) for name, data in list(LIKE.items())[:2]]
        crashed = False
        async with Rig(folder, Steps(crash_at, for_good=True), duplicates=duplicates) as rig:
            try:
                await finish_together(rig)
            except Crash:
                crashed = True
        async with Rig(folder, duplicates=duplicates, first_id=100) as rig:
            await rig.recovery.run()
            running = asyncio.create_task(rig.finalizer.run())
            # Space is freed after the row's last change.
            while await rig.database.in_state(FINISHING) or not rig.finalizer.queue.idle:
                await asyncio.sleep(0.01)
            running.cancel()
            first, second = await ended(rig, ids)
            assert first.state is State.SPOOLED
            assert second.state is (State.REJECTED if duplicates == "refuse" else State.SPOOLED)
            assert len(rig.names()) == 1
            assert await rig.spool.list_assembled() == []
        if not crashed:
            break
    assert 20 < crash_at < 199


async def test_whoever_met_trouble_is_not_overtaken_by_the_same_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "FIRST_RETRY_SECONDS", 0.2)
    async with Rig(tmp_path / "data") as rig:
        finalizer = finalizer_with(rig, "refuse", spool=Failing(rig.spool, "assemble", [StorageFull()]))
        first = await receive(rig, SOUND, "first.mp3")
        running = asyncio.create_task(finalizer.run())
        while (await ended(rig, [first]))[0].state is not State.VERIFIED:
            await asyncio.sleep(0.01)
        second = await receive(rig, RETAGGED, "second.mp3")
        await rig.intake.wait_for_verdict(second, 30)
        running.cancel()
        assert rig.names() == ["first.mp3"]
        assert [upload.state for upload in await ended(rig, [first, second])] == [State.SPOOLED, State.REJECTED]


async def test_a_published_file_that_its_reader_took_before_the_row_is_not_delivered_again(tmp_path: Path) -> None:
    """Crash between publishing and the row; the reader takes the file before the restart."""
    for crash_at in range(1, 80):
        folder, steps = tmp_path / str(crash_at), Steps(crash_at)
        async with Rig(folder, steps) as rig:
            try:
                await receive(rig, MP3)
                await finish_all(rig)
            except Crash:
                taken = rig.names()
                for name in taken:
                    rig.spool.path(name).unlink()
            else:
                break
        async with Rig(folder) as rig:
            await finish_all(rig)
            files = (await rig.database.list_files("", "uploaded_at", None, 10))[0]
            assert rig.names() == [file.spool_entry.name for file in files if not taken]
    else:
        raise AssertionError("the steps have no end")


async def test_tags_that_were_asked_for_and_where_the_file_came_from_stand_in_it(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload = await spooled(rig, SOUND)
        stored = rig.spool.path("show.mp3").read_bytes()
        tags = ID3(io.BytesIO(stored))
        assert str(tags["TIT2"]) == "T"
        assert tags["UFID:urn:media-service:upload"].data.decode() == upload.id
        texts = {frame.desc: str(frame) for frame in tags.getall("TXXX")}
        assert texts["UPLOAD_FILENAME"] == "show.mp3"
        assert texts["UPLOAD_SHA256"] == hashlib.sha256(SOUND).hexdigest()
        assert texts["AUDIO_SHA256"] == hashlib.sha256(SOUND).hexdigest() == upload.facts.audio_sha256.hex()
        assert texts["VERIFIED"] == "structural"
        assert stored.endswith(SOUND)


def finalizer_with(rig: Rig, duplicates: Literal["keep", "refuse"] = "keep", **adapters: Any) -> Finalizer:
    """Return a finalizer with other adapters than the rig's."""
    return FinisherParts(replace(rig.adapters, **adapters), rig.options, duplicates=duplicates).finalizer


async def run_until(rig: Rig, finalizer: Finalizer, upload_id: str) -> Upload:
    """Return the upload once the finalizer has nothing more to do for it."""
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    finalizer.queue.enqueue(loaded[0])
    running = asyncio.create_task(finalizer.run())
    while finalizer.queue.knows(upload_id):
        await asyncio.sleep(0.01)
    running.cancel()
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    return loaded[0]


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


async def test_tags_that_cannot_be_planned_reject_the_file(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        costly = Failing(rig.inspector, "plan_tags", itertools.repeat(TooCostly()))
        ended = await run_until(rig, finalizer_with(rig, media=costly), await receive(rig, MP3))
        assert ended.verdict is not None
        assert (ended.state, ended.verdict.code) == (State.REJECTED, "too_costly")
        assert [found.code for found in ended.verdict.findings] == ["mutagen_error"]


async def test_a_second_look_at_what_is_purged_meanwhile_finds_no_upload(tmp_path: Path) -> None:
    """The file is purged between the check and its return."""
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, TEXT)
        await finish_all(rig)
        kept = rig.quarantine.size

        async def kept_until_then(asked: str) -> int | None:
            size = await kept(asked)
            await rig.quarantine.discard(asked)
            return size

        rig.quarantine.size = kept_until_then  # type: ignore[assignment,method-assign]  # the purge at its worst moment
        with pytest.raises(UnknownUpload):
            await rig.rejected.recheck(upload_id, Review.FORCED)
        assert (await rig.intake.show(upload_id, ME)).upload.state is State.REJECTED


def recheck_before_discarding(rig: Rig) -> list[asyncio.Task[None]]:
    """Recheck the first upload whose partial is about to be discarded; return the list of this one recheck."""
    discard, rechecks = rig.store.discard, list[asyncio.Task[None]]()

    async def discard_late(upload_id: str) -> None:
        if not rechecks:
            recheck = rig.rejected.recheck(upload_id, Review.FORCED)
            rechecks.append(asyncio.create_task(recheck))
            await asyncio.wait(rechecks, timeout=0.3)
        await discard(upload_id)

    rig.store.discard = discard_late  # type: ignore[method-assign]  # the recheck at its worst moment
    return rechecks


@pytest.mark.parametrize("early", [False, True])
async def test_recheck_before_the_partial_is_discarded_loses_no_bytes(tmp_path: Path, *, early: bool) -> None:
    """The row is rejected already; `early`: all bytes came, but the client has not said that they are all."""
    async with Rig(tmp_path / "data") as rig:
        data = TEXT * 400
        request = UploadRequest("text.mp3", len(data), defer_completion=early, origin=MINE)
        view, _ = await rig.intake.create(request, "native")
        upload_id = view.upload.id
        rechecks = recheck_before_discarding(rig)

        async def blocks() -> AsyncIterator[bytes]:
            yield data

        running = asyncio.create_task(rig.finalizer.run())
        await rig.intake.receive(upload_id, ME, SliceRequest(0, len(data), None, "native"), blocks())
        async with asyncio.timeout(20):
            while not rechecks:
                await asyncio.sleep(0.01)
            await rechecks[0]
            await rig.intake.wait_for_verdict(upload_id, 20)
        running.cancel()
        ended = (await rig.intake.show(upload_id, ME)).upload
        assert ended.state is State.SPOOLED
        assert rig.spool.path("text.mp3").read_bytes().endswith(data)


async def test_two_second_looks_at_once_are_one(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, TEXT)
        await finish_all(rig)
        looks = (rig.rejected.recheck(upload_id, Review.FORCED) for _ in range(4))
        ended = await asyncio.gather(*looks, return_exceptions=True)
        assert [type(each) for each in ended] == [type(None), WrongState, WrongState, WrongState]


async def test_the_disk_is_not_asked_about_an_id_that_is_none(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        asked: list[str] = []
        kept = rig.quarantine.size

        async def noted(upload_id: str) -> int | None:
            asked.append(upload_id)
            return await kept(upload_id)

        rig.quarantine.size = noted  # type: ignore[method-assign]  # who asks
        for upload_id in ("../../admin-token", "\0", "x" * 300):
            with pytest.raises(UnknownUpload):
                await rig.rejected.recheck(upload_id, Review.AGAIN)
        assert asked == []
