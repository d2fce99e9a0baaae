"""Where a file is decides what may be done with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core import places
from media_service.core.access import LOCAL_OWNER
from media_service.core.errors.files import FileInTrash, FilePurged, FileTaken, NotInTrash
from media_service.core.errors.requests import Malformed
from media_service.core.expiry import Lifetime
from media_service.core.files import Place, Trashed
from tests.catalogue.samples import make_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.errors.base import Refusal
    from media_service.core.files import StoredFile

KIM, LEE = "person:kim", "browser:lee"
NOTE = Trashed(5, KIM, "Kim", "too old")
LIFETIME = Lifetime(idle=1, whole=1, trash=50, take_back=10)

ACTS: dict[str, Callable[[StoredFile], StoredFile]] = {
    "trash": lambda file: places.trashed(file, NOTE),
    "explain": lambda file: places.explained(file, "noise"),
    "restore": places.restored,
    "purge": lambda file: places.purged(file, 9),
}
OUTCOMES: dict[tuple[str, Place], Place | type[Refusal]] = {
    ("trash", Place.SPOOL): Place.TRASH,
    ("trash", Place.TRASH): FileInTrash,
    ("trash", Place.TAKEN): FileTaken,
    ("trash", Place.PURGED): FilePurged,
    ("explain", Place.SPOOL): NotInTrash,
    ("explain", Place.TRASH): Place.TRASH,
    ("explain", Place.TAKEN): NotInTrash,
    ("explain", Place.PURGED): NotInTrash,
    ("restore", Place.SPOOL): NotInTrash,
    ("restore", Place.TRASH): Place.SPOOL,
    ("restore", Place.TAKEN): NotInTrash,
    ("restore", Place.PURGED): NotInTrash,
    ("purge", Place.SPOOL): NotInTrash,
    ("purge", Place.TRASH): Place.PURGED,
    ("purge", Place.TAKEN): NotInTrash,
    ("purge", Place.PURGED): NotInTrash,
}


def placed(place: Place, owner: str = KIM) -> StoredFile:
    trashed = NOTE if place in (Place.TRASH, Place.PURGED) else None
    return make_file(owner=owner, spooled_at=100, place=place, trashed=trashed)


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("act", ACTS)
def test_every_act_on_a_file_in_every_place(act: str, place: Place) -> None:
    outcome, file = OUTCOMES[act, place], placed(place)
    if isinstance(outcome, Place):
        moved = ACTS[act](file)
        assert moved.place is outcome
        assert replace(moved, place=place, trashed=file.trashed, removed_at=None) == file
    else:
        with pytest.raises(outcome):
            ACTS[act](file)


def test_a_file_in_the_trash_says_since_when_and_a_purged_one_keeps_it() -> None:
    there = places.trashed(placed(Place.SPOOL), NOTE)
    assert (there.trashed, there.removed_at) == (NOTE, None)
    assert (places.restored(there).trashed, places.back(there).trashed) == (NOTE, None)
    gone = places.purged(there, 9)
    assert (gone.trashed, gone.removed_at) == (NOTE, 9)
    taken = places.taken(there, 9)
    assert (taken.place, taken.trashed, taken.removed_at) == (Place.TAKEN, None, 9)
    assert places.back(taken) == placed(Place.SPOOL)


owners = st.sampled_from([KIM, LEE, LOCAL_OWNER, "link:l"])


@given(owners, st.frozensets(owners), st.integers(0, 200), st.sampled_from(Place), owners)
def test_senders_take_back_only_what_is_theirs_and_only_for_a_while(
    owner: str, asking: frozenset[str], now: int, place: Place, by: str
) -> None:
    file = placed(place, owner)
    if file.trashed is not None:
        file = replace(file, trashed=replace(file.trashed, by=by))
    is_theirs = owner in asking and owner != LOCAL_OWNER
    others_trash = place is Place.TRASH and by not in asking
    expected = is_theirs and now <= 110 and not others_trash
    assert places.may_take_back(file, asking, now, LIFETIME) is expected


def test_a_reason_is_one_clean_line_of_bounded_length() -> None:
    assert places.clean_reason(" too\told\u202e\n ") == "too old"
    assert len(places.clean_reason("x" * places.REASON_CHARACTERS)) == places.REASON_CHARACTERS
    with pytest.raises(Malformed, match="reason"):
        places.clean_reason("x" * (places.REASON_CHARACTERS + 1))
