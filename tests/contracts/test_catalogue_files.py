"""Suite of `core.ports.catalogue.Catalogue`: finished files."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.core.chapters import Chapter
from media_service.core.errors.service import CatalogueError
from media_service.core.files import LoudnessReport, Place, SpoolEntry, Trashed
from media_service.core.upload import PublishIntent, Slice
from media_service.core.upload_states import State
from tests.catalogue.samples import keep, make_file, spooled
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue

INTENT = PublishIntent("show 1.mp3", 5, bytes(32), {"title": "밤"}, (Chapter(0, "시작"),), has_cover=True)


async def test_a_delivered_file_is_read_unchanged(catalogue: Catalogue) -> None:
    file = make_file(sender=None, tags={"title": "밤", "comment": ""}, chapters=(Chapter(0, "시작"),))
    await keep(catalogue, file)
    assert await catalogue.file("f1") == file


async def test_the_place_of_a_file_is_read_unchanged(catalogue: Catalogue) -> None:
    trashed = Trashed(7, "person:p", "김", "낡았다")
    files = [
        make_file(1, place=Place.TRASH, trashed=trashed),
        make_file(2, place=Place.TAKEN, removed_at=8),
        make_file(3, place=Place.PURGED, trashed=replace(trashed, by=None), removed_at=9),
    ]
    await keep(catalogue, *files)
    assert [await catalogue.file(file.id) for file in files] == files


async def test_whether_a_file_has_a_cover_is_saved_for_the_bytes_that_were_looked_at(catalogue: Catalogue) -> None:
    unknown, known = make_file(1), make_file(2, has_cover=False)
    await keep(catalogue, unknown, known)
    assert [await catalogue.file("f1"), await catalogue.file("f2")] == [unknown, known]
    await catalogue.save_has_cover(replace(unknown, has_cover=True))
    assert await catalogue.file("f1") == replace(unknown, has_cover=True)
    other = replace(known, has_cover=True, spool_entry=replace(known.spool_entry, sha256=b"x" * 32))
    await catalogue.save_has_cover(other)
    assert await catalogue.file("f2") == known
    assert (await catalogue.list_files("", "title", None, 2))[0] == [replace(unknown, has_cover=True), known]


async def test_upload_and_file_are_delivered_both_or_neither(catalogue: Catalogue) -> None:
    taken = make_file(1)
    await keep(catalogue, taken)
    await catalogue.create(make_upload(id="u2"))
    await catalogue.record("u2", Slice(0, 200), 2)
    file = make_file(2, spool_entry=taken.spool_entry)
    with pytest.raises(CatalogueError):
        await catalogue.deliver(spooled(file), file)
    loaded = await catalogue.load("u2")
    assert loaded is not None
    assert (loaded[0].state, loaded[1]) == (State.RECEIVING, [Slice(0, 200)])
    assert await catalogue.file("f2") is None


async def test_stored_names_are_those_of_files(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1, spool_entry=SpoolEntry("밤.mp3", 1, bytes(32))))
    assert await catalogue.stored_names(["밤.mp3", "밤 (2).mp3", "' OR 1"]) == {"밤.mp3"}
    assert await catalogue.stored_names([]) == set()


async def test_an_unknown_file_is_none(catalogue: Catalogue) -> None:
    assert await catalogue.file("nothing") is None
    assert await catalogue.loudness("nothing") is None
    assert await catalogue.next_unmeasured() is None


async def test_names_that_files_are_about_to_get_are_stored_names(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(state=State.VERIFIED, publish_intent=INTENT))
    assert await catalogue.stored_names(["show 1.mp3", "show 2.mp3"]) == {"show 1.mp3"}


async def test_a_name_is_stored_at_every_moment_of_a_delivery(catalogue: Catalogue) -> None:
    for number in range(30):
        file = make_file(number)
        intent = replace(INTENT, name=file.spool_entry.name)
        await catalogue.create(make_upload(id=file.upload_id, state=State.VERIFIED, publish_intent=intent))
        delivery = asyncio.create_task(catalogue.deliver(spooled(file), file))
        while not delivery.done():
            assert await catalogue.stored_names([intent.name]) == {intent.name}
        await delivery


async def test_the_duplicate_of_audio_is_the_oldest_and_the_owners_first(catalogue: Catalogue) -> None:
    audio = replace(FACTS, content_hash=bytes(32), audio_sha256=b"a" * 32)
    await keep(
        catalogue,
        make_file(1, facts=audio, owner="else"),
        make_file(2, facts=audio),
        make_file(3, facts=audio),
        make_file(4),
    )
    retagged = replace(audio, content_hash=b"x" * 32)
    found = [await catalogue.duplicate_of_audio(retagged, owner) for owner in ("local", "else", "nobody")]
    assert [file and file.id for file in found] == ["f2", "f1", "f1"]
    same_bytes = await catalogue.duplicate_of_audio(FACTS, "local")
    assert same_bytes is not None
    assert same_bytes.id == "f4"
    assert await catalogue.duplicate_of_audio(replace(retagged, audio_sha256=None), "local") is None


async def test_the_newest_file_is_measured_next(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1), make_file(2))
    order = []
    while file := await catalogue.next_unmeasured():
        order.append(file.id)
        await catalogue.save_loudness(file.id, LoudnessReport(), 1)
    assert order == ["f2", "f1"]


async def test_saved_loudness_stays(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1))
    measured = LoudnessReport(-23.0, 5.5, -1.0, 0.5, 2.25, (0, 50, 100))
    await catalogue.save_loudness("f1", measured, 1)
    await catalogue.save_loudness("f1", LoudnessReport(), 2)
    assert await catalogue.loudness("f1") == measured


async def test_a_retag_intent_is_kept_until_it_is_cleared(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1), make_file(2))
    await catalogue.save_retag_intent("f1", INTENT)
    assert await catalogue.retag_intents() == [(make_file(1), INTENT)]
    assert await catalogue.retag_intent("f1") == (make_file(1), INTENT)
    assert (await catalogue.retag_intent("f2"), await catalogue.retag_intent("f3")) == (None, None)
    await catalogue.save_retag_intent("f1", None)
    assert (await catalogue.retag_intents(), await catalogue.retag_intent("f1")) == ([], None)


async def test_a_retagged_file_and_its_upload_are_saved_and_the_intent_is_cleared(catalogue: Catalogue) -> None:
    file = make_file(1)
    await keep(catalogue, file)
    await catalogue.save_retag_intent("f1", INTENT)
    changed = replace(file, tags={"title": "New"}, spool_entry=SpoolEntry("show 1.mp3", 9, b"n" * 32))
    await catalogue.retag(changed, spooled(changed, tags={"title": "New"}, version=1))
    assert await catalogue.file("f1") == changed
    assert await catalogue.retag_intents() == []
    loaded = await catalogue.load("u1")
    assert loaded is not None
    assert loaded[0].tags == {"title": "New"}
