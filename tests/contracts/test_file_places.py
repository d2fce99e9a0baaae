"""Suite of `core.ports.places.FilePlaces`: a move changes all that follows from it, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core import places
from media_service.core.errors.requests import Malformed
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.files import LoudnessReport, Place, SpoolEntry, Trashed
from media_service.core.upload import PublishIntent
from media_service.core.usage import Usage
from tests.catalogue.samples import keep, make_file

if TYPE_CHECKING:
    from media_service.core.files import StoredFile
    from media_service.core.ports.places import FilePlaces
    from tests.contracts.catalogues import Subject

FILE = make_file(1, account="person:kim", collection="c")
NOTE = Trashed(50, "person:lee", "Lee", "too old")


@pytest.fixture
def rows(subject: Subject) -> FilePlaces:
    rows: FilePlaces = subject.catalogue.places
    return rows


async def put(rows: FilePlaces, file: StoredFile, at: int = 50) -> StoredFile:
    """Put a file into the trash; return it there."""
    there = places.trashed(file, replace(NOTE, at=at))
    await rows.move(there, file.place, moving=True)
    await rows.move(there, Place.TRASH, was_moving=True)
    return there


async def listed(catalogue: Any) -> list[str]:
    """Return the ids of the files that the listing, a search and the trash show."""
    pages = [await catalogue.list_files(search, "uploaded_at", None, 10) for search in ("", "night")]
    assert pages[0] == pages[1]
    return [file.id for file in pages[0][0]]


async def trashed(rows: FilePlaces, search: str = "", **shown: Any) -> list[str]:
    return [file.id for file in (await rows.list_trash(search, None, 10, **shown))[0]]


async def usage(catalogue: Any) -> list[Usage]:
    ids = ["service", "collection:c", "person:kim"]
    found = await catalogue.usage_of(ids)
    return [found[each] for each in ids]


async def test_a_file_in_the_trash_is_listed_there_alone_and_counts(
    subject: Subject, catalogue: Any, rows: FilePlaces
) -> None:
    await keep(catalogue, FILE, make_file(2))
    before = await usage(catalogue)
    there = await put(rows, FILE)
    assert await catalogue.file("f1") == there
    assert (await listed(catalogue), await trashed(rows)) == (["f2"], ["f1"])
    assert await usage(catalogue) == before
    back = places.restored(there)
    await rows.move(back, Place.TRASH, moving=True)
    assert (await listed(catalogue), await trashed(rows)) == (["f1", "f2"], [])
    await rows.move(places.back(back), Place.SPOOL, was_moving=True)
    assert await catalogue.file("f1") == FILE
    assert await usage(catalogue) == before
    assert all(row.is_right for row in subject.check_usage())


async def test_a_purged_file_is_in_no_listing_and_counts_nothing_but_keeps_its_name(
    subject: Subject, catalogue: Any, rows: FilePlaces
) -> None:
    await keep(catalogue, FILE)
    await catalogue.save_loudness("f1", LoudnessReport(-23.0), 1)
    gone = places.purged(await put(rows, FILE), 60)
    await rows.move(gone, Place.TRASH, moving=True)
    await rows.move(gone, Place.PURGED, was_moving=True)
    assert await catalogue.file("f1") == gone
    assert (await listed(catalogue), await trashed(rows)) == ([], [])
    assert await usage(catalogue) == [Usage()] * 3
    assert await catalogue.loudness("f1") is None
    assert await catalogue.stored_names([FILE.spool_entry.name]) == {FILE.spool_entry.name}
    assert all(row.is_right for row in subject.check_usage())


async def test_a_taken_file_stays_listed_and_counts_nothing_until_it_is_back(
    subject: Subject, catalogue: Any, rows: FilePlaces
) -> None:
    await keep(catalogue, FILE)
    before, gone = await usage(catalogue), places.taken(FILE, 60)
    await rows.move(gone, Place.SPOOL)
    assert await catalogue.file("f1") == gone
    assert (await listed(catalogue), await trashed(rows)) == (["f1"], [])
    assert await usage(catalogue) == [Usage()] * 3
    await rows.move(places.back(gone), Place.TAKEN)
    assert await catalogue.file("f1") == FILE
    assert await usage(catalogue) == before
    assert all(row.is_right for row in subject.check_usage())


async def test_a_move_of_something_else_than_was_seen_is_refused(catalogue: Any, rows: FilePlaces) -> None:
    await keep(catalogue, FILE)
    there = places.trashed(FILE, NOTE)
    other = replace(there, spool_entry=replace(there.spool_entry, sha256=b"x" * 32))
    refused: list[tuple[StoredFile, Place, dict[str, bool]]] = [
        (there, Place.TAKEN, {}),
        (there, Place.SPOOL, {"was_moving": True}),
        (other, Place.SPOOL, {}),
        (make_file(9, place=Place.TRASH, trashed=NOTE), Place.SPOOL, {}),
    ]
    for file, before, moving in refused:
        with pytest.raises(ChangedMeanwhile):
            await rows.move(file, before, **moving)
    await catalogue.save_retag_intent("f1", PublishIntent("show 1.mp3", 5, bytes(32), {}))
    with pytest.raises(ChangedMeanwhile):
        await rows.move(there, Place.SPOOL)
    assert await catalogue.file("f1") == FILE
    assert (await listed(catalogue), await trashed(rows)) == (["f1"], [])


async def test_of_two_moves_at_the_same_time_one_is_done(catalogue: Any, rows: FilePlaces) -> None:
    await keep(catalogue, FILE)
    there = places.trashed(FILE, NOTE)
    await rows.move(there, Place.SPOOL, moving=True)
    with pytest.raises(ChangedMeanwhile):
        await rows.move(there, Place.SPOOL, moving=True)
    with pytest.raises(ChangedMeanwhile):
        await rows.move(places.restored(there), Place.TRASH, moving=True)


async def test_files_on_their_way_are_known_until_they_are_there(catalogue: Any, rows: FilePlaces) -> None:
    await keep(catalogue, FILE, make_file(2))
    there = places.trashed(FILE, NOTE)
    assert await rows.moving_files() == []
    await rows.move(there, Place.SPOOL, moving=True)
    assert await rows.moving_files() == [there]
    assert (await rows.moving_file("f1"), await rows.moving_file("f2")) == (there, None)
    await rows.move(there, Place.TRASH, was_moving=True)
    assert (await rows.moving_files(), await rows.moving_file("f1")) == ([], None)


async def test_an_edit_leaves_the_place_as_it_is(catalogue: Any, rows: FilePlaces) -> None:
    await keep(catalogue, FILE)
    there = await put(rows, FILE)
    await catalogue.retag(replace(FILE, tags={"title": "Gnome"}))
    assert await catalogue.file("f1") == replace(there, tags={"title": "Gnome"})


async def test_only_files_in_the_spool_are_duplicates_or_measured(catalogue: Any, rows: FilePlaces) -> None:
    file = make_file(1)
    await keep(catalogue, file)
    facts = file.facts

    async def found() -> list[bool]:
        same_bytes = await catalogue.duplicate_of_bytes("local", facts.content_hash, facts.size)
        same_audio = await catalogue.duplicate_of_audio(facts, "local")
        return [each is not None for each in (same_bytes, same_audio, await catalogue.next_unmeasured())]

    assert await found() == [True] * 3
    there = await put(rows, file)
    assert await found() == [False] * 3
    await rows.move(places.back(there), Place.TRASH)
    await rows.move(places.taken(file, 9), Place.SPOOL)
    assert await found() == [False] * 3


async def test_the_trash_is_listed_newest_first_in_pages(catalogue: Any, rows: FilePlaces) -> None:
    files = [make_file(number) for number in range(1, 8)]
    await keep(catalogue, *files)
    for file in files:
        await put(rows, file, at=50 + file.uploaded_at // 2)
    seen, cursor = [], None
    while True:
        page, cursor = await rows.list_trash("", cursor, 2)
        seen += [file.id for file in page]
        assert len(page) <= 2
        if cursor is None:
            break
    assert seen == ["f7", "f6", "f5", "f4", "f3", "f2", "f1"]
    for wrong in ("x", "WzEsIDJd"):
        with pytest.raises(Malformed):
            await rows.list_trash("", wrong, 2)


async def test_the_trash_is_searched_by_parts_of_words_and_shows_what_one_may_see(
    catalogue: Any, rows: FilePlaces
) -> None:
    some = [
        make_file(1, tags={"title": "일요일 밤"}, account="person:kim"),
        make_file(2, tags={"title": "Zoë 100%"}, collection="c"),
        make_file(3, tags={"title": "Other"}),
    ]
    await keep(catalogue, *some)
    for file in some:
        await put(rows, file)
    assert await trashed(rows, "요일") == ["f1"]
    assert await trashed(rows, "ZOE 100%") == ["f2"]
    assert await trashed(rows, "zoe other") == []
    assert await trashed(rows, owner="person:kim", collections=["c"]) == ["f2", "f1"]
    assert await trashed(rows, "밤", owner="person:kim") == ["f1"]
    assert await trashed(rows, owner="", collections=[]) == []
    with pytest.raises(Malformed):
        await rows.list_trash("x " * 65, None, 2)


async def test_files_are_read_in_the_order_of_their_names(catalogue: Any, rows: FilePlaces) -> None:
    names = ["a.mp3", "B.mp3", "é.mp3", "\uff5e.mp3", "\U0001f600.mp3"]
    files = [make_file(n, spool_entry=SpoolEntry(name, 1, bytes(32))) for n, name in enumerate(names)]
    await keep(catalogue, *files)
    await put(rows, files[0])
    ordered = sorted(names, key=str.encode)
    found = await rows.named_after("", 3)
    assert [file.name for file in found] == ordered[:3]
    assert [file.place for file in found] == [Place.SPOOL, Place.TRASH, Place.SPOOL]
    assert [file.name for file in await rows.named_after(found[-1].name, 3)] == ordered[3:]


async def test_the_oldest_in_the_trash_are_purged_first(catalogue: Any, rows: FilePlaces) -> None:
    files = [make_file(number) for number in range(1, 5)]
    await keep(catalogue, *files)
    for file in files:
        await put(rows, file, at=100 - file.uploaded_at)
    assert await rows.trashed_before(98, 9) == ["f4", "f3"]
    assert await rows.trashed_before(200, 3) == ["f4", "f3", "f2"]
