"""Finalizing: wherever the process crashes, finalizing again ends the upload, once and correctly."""

from __future__ import annotations

import hashlib
import io
import itertools
from typing import TYPE_CHECKING

import pytest
from mutagen.id3 import ID3

from media_service.core.digest import ContentHash
from media_service.core.errors.files import TooCostly
from media_service.core.errors.service import CatalogueError
from media_service.core.upload_states import State
from tests.intake.finishing import (
    MP3,
    SOUND,
    TEXT,
    finalizer_with,
    finish_all,
    finish_together,
    receive,
    run_until,
    spooled,
)
from tests.intake.rig import Crash, Rig, Steps
from tests.support.failing import Failing
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from pathlib import Path


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


async def test_files_of_one_name_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        for seed in range(6):
            await receive(rig, make_mp3(1, seed=seed))
        await finish_together(rig)
        assert rig.names() == [*(f"show ({number}).mp3" for number in range(2, 7)), "show.mp3"]


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


async def test_tags_that_cannot_be_planned_reject_the_file(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        costly = Failing(rig.inspector, "plan_tags", itertools.repeat(TooCostly()))
        ended = await run_until(rig, finalizer_with(rig, media=costly), await receive(rig, MP3))
        assert ended.verdict is not None
        assert (ended.state, ended.verdict.code) == (State.REJECTED, "too_costly")
        assert [found.code for found in ended.verdict.findings] == ["mutagen_error"]


async def test_rescan_enqueues_what_no_hint_told_but_not_what_failed(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        failed, lost = await receive(rig, MP3), await receive(rig, MP3, "other.mp3")
        await rig.finalizer.record_fault(failed)
        assert not rig.finalizer.queue.knows(lost), "the hint was followed before the rescan"
        await rig.finalizer.rescan()
        assert rig.finalizer.queue.knows(lost)
        assert not rig.finalizer.queue.knows(failed)
