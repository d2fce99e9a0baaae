"""Suite of `core.ports.catalogue.Catalogue`: slices, recorded by several processes that do not see each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.upload import Recorded, Slice
from media_service.core.upload_states import State
from tests.contracts.catalogues import RECEIVING_ADAPTERS, subject_fixture
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue
    from tests.contracts.catalogues import Subject


subject = subject_fixture(RECEIVING_ADAPTERS)


async def refuses(catalogue: Catalogue, piece: Slice, **flags: bool) -> None:
    """Check that this slice of `u` is refused and that nothing has changed."""
    before = await catalogue.load("u")
    with pytest.raises(ChangedMeanwhile):
        await catalogue.record("u", piece, 9, **flags)
    assert await catalogue.load("u") == before


async def state_of(catalogue: Catalogue) -> tuple[State, int | None, int]:
    """Return state, length and version of `u`."""
    upload, _ = await catalogue.load("u") or (make_upload(), [])
    return upload.state, upload.length, upload.version


@pytest.mark.parametrize("complete", [False, True])
async def test_a_slice_that_leaves_a_gap_completes_nothing(catalogue: Catalogue, complete: bool) -> None:
    await catalogue.create(make_upload())
    for piece in (Slice(200, 300), Slice(0, 100), Slice(101, 150), Slice(150, 200)):
        assert await catalogue.record("u", piece, 2, complete=complete) == Recorded(whole=False, version=0)
    assert await state_of(catalogue) == (State.RECEIVING, 300, 0)


async def test_the_slice_that_fills_the_last_gap_completes_the_upload(subject: Subject) -> None:
    await subject.catalogue.create(make_upload())
    for piece in (Slice(200, 300), Slice(0, 100)):
        await subject.catalogue.record("u", piece, 2)
    assert await subject.catalogue.record("u", Slice(100, 200), 3) == Recorded(whole=True, version=1)
    async with subject.reopened() as other:
        received = make_upload(state=State.RECEIVED, updated_at=3, version=1)
        assert await other.load("u") == (received, [Slice(0, 100), Slice(100, 200), Slice(200, 300)])


@pytest.mark.parametrize("missing", [[0], [299], [150], [0, 150], [150, 299], [150, 0], [70, 69], [0, 299, 149]])
async def test_an_upload_of_many_slices_is_complete_with_the_last_missing_one(
    catalogue: Catalogue, missing: list[int]
) -> None:
    await catalogue.create(make_upload())
    order = [start for start in range(300) if start not in missing] + missing
    outcomes = await asyncio.gather(*(catalogue.record("u", Slice(start, start + 1), 2) for start in order))
    assert [outcome.whole for outcome in outcomes] == [False] * 299 + [True]


async def test_a_whole_upload_can_be_left_for_its_recorder_to_complete(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    for _ in range(2):
        assert await catalogue.record("u", Slice(0, 300), 2, complete=False) == Recorded(whole=True, version=0)
    assert await state_of(catalogue) == (State.RECEIVING, 300, 0)


@pytest.mark.parametrize("changes", [{"length": None}, {"defer_completion": True}])
async def test_without_a_length_or_with_deferred_completion_nothing_is_whole(
    catalogue: Catalogue, changes: dict[str, Any]
) -> None:
    await catalogue.create(make_upload(**changes))
    assert await catalogue.record("u", Slice(0, 300), 2) == Recorded(whole=False, version=0)
    assert (await state_of(catalogue))[0] is State.RECEIVING


@pytest.mark.parametrize("length", [None, 400, 300])
async def test_the_last_slice_sets_the_length(catalogue: Catalogue, length: int | None) -> None:
    await catalogue.create(make_upload(length=length))
    changes = int(length != 300)
    assert await catalogue.record("u", Slice(100, 300), 2, last=True) == Recorded(whole=False, version=changes)
    assert await state_of(catalogue) == (State.RECEIVING, 300, changes)
    assert await catalogue.record("u", Slice(0, 100), 2) == Recorded(whole=True, version=changes + 1)


async def test_the_last_slice_can_complete_its_upload(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(length=None))
    assert await catalogue.record("u", Slice(0, 300), 2, last=True) == Recorded(whole=True, version=2)
    assert await state_of(catalogue) == (State.RECEIVED, 300, 2)


async def test_a_last_slice_before_another_one_is_refused(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(length=None))
    await catalogue.record("u", Slice(20, 30), 2)
    await refuses(catalogue, Slice(10, 20), last=True)
    await catalogue.record("u", Slice(20, 30), 2, last=True)


async def test_the_same_slice_is_recorded_again(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    for now in (2, 3):
        assert await catalogue.record("u", Slice(10, 20), now) == Recorded(whole=False, version=0)
    loaded = await catalogue.load("u")
    assert loaded is not None
    assert (loaded[0].updated_at, loaded[1]) == (2, [Slice(10, 20)])


async def test_other_bytes_for_a_recorded_slice_are_refused(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    first, second = (Slice(10, 20, bytes([number]) * 32) for number in (1, 2))
    await catalogue.record("u", first, 2)
    for piece, last in ((second, False), (second, True)):
        await refuses(catalogue, piece, last=last)
    # Without a digest nothing tells them apart.
    for piece in (first, Slice(10, 20)):
        assert await catalogue.record("u", piece, 3) == Recorded(whole=False, version=0)


async def test_of_slices_with_other_bytes_at_once_one_is_recorded(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    pieces = [Slice(0, 100, bytes([number]) * 32) for number in range(8)]
    outcomes = await asyncio.gather(*(catalogue.record("u", piece, 2) for piece in pieces), return_exceptions=True)
    recorded = [piece for piece, outcome in zip(pieces, outcomes, strict=True) if isinstance(outcome, Recorded)]
    assert sum(isinstance(outcome, ChangedMeanwhile) for outcome in outcomes) == 7
    assert (await catalogue.load("u") or [])[1] == recorded


@pytest.mark.parametrize("span", [(0, 101), (100, 101), (100, 200), (101, 102), (150, 250), (199, 300), (50, 250)])
async def test_bytes_that_are_recorded_are_not_recorded_again(catalogue: Catalogue, span: tuple[int, int]) -> None:
    await catalogue.create(make_upload())
    for piece in (Slice(100, 150), Slice(150, 200)):
        await catalogue.record("u", piece, 2)
    await refuses(catalogue, Slice(*span))


async def test_bytes_beyond_the_length_are_refused(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    for piece in (Slice(200, 301), Slice(300, 400)):
        await refuses(catalogue, piece)
        await refuses(catalogue, piece, last=True)


@pytest.mark.parametrize("state", sorted(set(State) - {State.RECEIVING}))
async def test_only_receiving_uploads_record(catalogue: Catalogue, state: State) -> None:
    await catalogue.create(make_upload())
    await catalogue.record("u", Slice(0, 10), 2)
    await catalogue.save(make_upload(state=state))
    for piece in (Slice(0, 10), Slice(10, 20)):
        await refuses(catalogue, piece)


async def test_an_unknown_upload_records_nothing(catalogue: Catalogue) -> None:
    await refuses(catalogue, Slice(0, 10))


async def test_refused_slices_do_not_affect_those_recorded_with_them(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    pieces = [Slice(start, start + 20) for start in range(0, 300, 10)]
    outcomes = await asyncio.gather(
        *(catalogue.record("u", piece, 2) for piece in pieces),
        catalogue.record("nobody", Slice(0, 1), 2),
        return_exceptions=True,
    )
    recorded = [piece for piece, outcome in zip(pieces, outcomes, strict=False) if isinstance(outcome, Recorded)]
    assert recorded == pieces[::2]
    assert isinstance(outcomes[-1], ChangedMeanwhile)
    assert (await catalogue.load("u") or [])[1] == recorded


async def test_a_peek_sees_what_was_committed_before(catalogue: Catalogue) -> None:
    assert await catalogue.peek("u", 0, 10) is None
    await catalogue.create(make_upload())
    assert await catalogue.peek("u", 0, 300) == (0, False)
    for number, start in enumerate(range(0, 200, 20)):
        await catalogue.save(make_upload(version=number))
        await catalogue.record("u", Slice(start, start + 10), 2)
        assert await catalogue.peek("u", start, start + 10) == (number + 1, True)
        assert await catalogue.peek("u", start + 10, start + 20) == (number + 1, False)


async def test_a_peek_tells_which_bytes_are_recorded(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    await catalogue.create(make_upload(id="other"))
    for piece in (Slice(100, 110), Slice(110, 120), Slice(130, 140)):
        await catalogue.record("u", piece, 2)
    taken = {*range(100, 120), *range(130, 140)}
    edges = (95, *(edge + near for edge in (100, 110, 120, 130, 140) for near in (-1, 0, 1)), 145)
    for start, stop in combinations(edges, 2):
        assert await catalogue.peek("u", start, stop) == (0, not taken.isdisjoint(range(start, stop)))
        assert await catalogue.peek("other", start, stop) == (0, False)


async def test_a_length_is_not_saved_below_what_is_recorded(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(length=None))
    await catalogue.record("u", Slice(200, 250), 2)
    with pytest.raises(ChangedMeanwhile):
        await catalogue.save(make_upload(length=249))
    assert await state_of(catalogue) == (State.RECEIVING, None, 0)
    saved = await catalogue.save(make_upload(length=250))
    assert saved.length == 250
    await catalogue.save(replace(saved, state=State.CANCELLED, length=10))
