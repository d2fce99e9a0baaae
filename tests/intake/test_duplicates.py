"""Files of audio that is stored already: kept with a note, refused, or led to the first, also if finalized at once."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import pytest

from media_service.core.errors.service import CatalogueError, StorageFull
from media_service.core.upload_states import FINISHING, State
from media_service.intake.finalizing import queue
from tests.intake.finishing import MP3, RETAGGED, SOUND, ended, finalizer_with, finish_together, receive, spooled
from tests.intake.rig import Crash, Rig, Steps
from tests.support.failing import Failing

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize("duplicates", ["refuse", "link"])
async def test_a_crash_while_the_same_sound_is_finished_at_once_leaves_one(
    tmp_path: Path, duplicates: Literal["refuse", "link"]
) -> None:
    async with Rig(tmp_path / "before", duplicates=duplicates) as rig:
        ids = [await receive(rig, data, name) for name, data in list(LIKE.items())[:2]]
    for crash_at in range(1, 200):
        folder, crashed = shutil.copytree(tmp_path / "before", tmp_path / str(crash_at)), False
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
