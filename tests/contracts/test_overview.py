"""Suite of `core.ports.overview.Overview`: the figures of the start page, of what somebody may see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from media_service.catalogue import overview
from media_service.core.files import Place
from media_service.core.overview import OverviewCounts
from media_service.core.upload_states import State
from tests.catalogue.samples import keep, make_file
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from tests.contracts.catalogues import Subject

NOTHING = OverviewCounts(arrived_files=0, arrived_bytes=0, in_flight=0, rejected=0, rejected_kept=0, trashed=0, taken=0)
IN_C: dict[str, Any] = {"account": "person:p", "collection": "c"}


async def test_an_empty_catalogue_has_no_figures(catalogue: Any) -> None:
    assert await catalogue.overview.counts(0) == NOTHING
    assert await catalogue.overview.counts(0, owner="person:p", collections=["c"]) == NOTHING


async def test_files_that_arrived_since_a_time_are_counted_with_their_bytes(catalogue: Any) -> None:
    files = [make_file(1), make_file(2, account="person:p"), make_file(3, **IN_C), make_file(4, collection="d")]
    await keep(catalogue, *files, make_file(5, place=Place.TAKEN))
    sizes = [file.spool_entry.size for file in files]
    counts = await catalogue.overview.counts(2)
    assert counts == replace(NOTHING, arrived_files=4, arrived_bytes=sum(sizes[1:]) + 1105, taken=1)
    mine = await catalogue.overview.counts(0, owner="person:p", collections=["c"])
    assert mine == replace(NOTHING, arrived_files=2, arrived_bytes=sizes[1] + sizes[2])


async def test_open_and_rejected_uploads_are_counted(catalogue: Any) -> None:
    await catalogue.create(make_upload(id="u1", owner="person:p"))
    await catalogue.create(make_upload(id="u2", state=State.VERIFIED, collection="c"))
    await catalogue.create(make_upload(id="u3", state=State.CANCELLED, owner="person:p"))
    for number, (time, changes) in enumerate([(5, {}), (7, {"owner": "person:p"}), (9, {"collection": "c"})]):
        upload = make_upload(id=f"r{number}", state=State.RECEIVED, created_at=number, **changes)
        await catalogue.create(upload)
        await catalogue.save(replace(upload, state=State.REJECTED, updated_at=time))
    await catalogue.forget_rejected("r2")
    assert await catalogue.overview.counts(7) == replace(NOTHING, in_flight=2, rejected=2, rejected_kept=2)
    assert await catalogue.overview.counts(10) == replace(NOTHING, in_flight=2, rejected_kept=2)
    mine = await catalogue.overview.counts(8, owner="person:p", collections=["c"])
    assert mine == replace(NOTHING, in_flight=2, rejected=1, rejected_kept=1)


async def test_files_in_the_trash_are_counted(subject: Subject) -> None:
    await keep(subject.catalogue, make_file(1), make_file(2))
    for number, account in (1, "NULL"), (2, "'person:p'"):
        subject.write(
            f"INSERT INTO trashed_files (file_id, trashed_at, text, account) VALUES ('f{number}', 1, '', {account})"
        )
    assert (await subject.catalogue.overview.counts(9)).trashed == 2
    assert (await subject.catalogue.overview.counts(9, owner="person:p")).trashed == 1


@pytest.mark.parametrize("shown", [{}, {"owner": "person:p"}])
async def test_each_figure_has_an_end(catalogue: Any, shown: dict[str, Any]) -> None:
    for number in range(3):
        await catalogue.create(make_upload(id=f"o{number}", owner="person:p"))
    await keep(catalogue, *(make_file(number, account="person:p") for number in range(3)))
    with patch.object(overview, "MOST_COUNTED", 2):
        counts = await catalogue.overview.counts(0, **shown)
    assert (counts.arrived_files, counts.in_flight) == (2, 2)
