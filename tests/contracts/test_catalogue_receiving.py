"""Suite of `core.ports.catalogue.Catalogue`: uploads and slices while they are received."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import CatalogueError
from media_service.core.upload import Slice
from media_service.core.upload_states import ENDED, State
from tests.catalogue.samples import FULL
from tests.contracts.catalogues import RECEIVING_ADAPTERS, subject_fixture
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload
    from tests.contracts.catalogues import Subject


subject = subject_fixture(RECEIVING_ADAPTERS)


def test_the_full_upload_sets_every_field() -> None:
    unset = [field.name for field in fields(FULL) if field.default == getattr(FULL, field.name)]
    assert unset == [], f"Set {unset} in FULL, so that the next test finds a field that catalogue/rows.py leaves out."


@pytest.mark.parametrize("upload", [make_upload(), FULL, make_upload(length=None, filename="")])
async def test_a_created_upload_is_loaded_unchanged(catalogue: Catalogue, upload: Upload) -> None:
    await catalogue.create(upload)
    loaded, slices = await catalogue.load("u") or (None, [])
    lost = [field.name for field in fields(upload) if getattr(loaded, field.name) != getattr(upload, field.name)]
    assert (lost, slices) == ([], []), f"catalogue/rows.py loses {lost}: upload_row and upload_value need a line each."


async def test_uploads_and_slices_outlive_their_process(subject: Subject) -> None:
    await subject.catalogue.create(FULL)
    await subject.catalogue.record("u", Slice(0, 5, bytes(32)), 1)
    async with subject.reopened() as other:
        assert await other.load("u") == (FULL, [Slice(0, 5, bytes(32))])


async def test_an_id_is_used_once(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    with pytest.raises(CatalogueError):
        await catalogue.create(make_upload(filename="other.mp3"))
    assert await catalogue.load("u") == (make_upload(), [])


async def test_an_unknown_upload_is_none(catalogue: Catalogue) -> None:
    assert await catalogue.load("nobody") is None


async def test_slices_are_sorted_by_start_and_the_newest_one_sets_updated_at(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    pieces = [Slice(20, 30), Slice(0, 10, b"d" * 32), Slice(10, 20)]
    await asyncio.gather(*(catalogue.record("u", piece, 40 + piece.start) for piece in pieces))
    loaded = await catalogue.load("u")
    assert loaded is not None
    upload, slices = loaded
    assert slices == [Slice(0, 10, b"d" * 32), Slice(10, 20), Slice(20, 30)]
    assert upload.updated_at == 60


async def test_saving_an_upload_forgets_no_slice_and_no_time(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    await catalogue.record("u", Slice(0, 10), 60)
    await catalogue.save(make_upload(sender="Kim", updated_at=50))
    assert await catalogue.load("u") == (make_upload(sender="Kim", updated_at=60, version=1), [Slice(0, 10)])


@pytest.mark.parametrize("state", State)
async def test_slices_are_deleted_when_their_upload_ends_and_only_then(subject: Subject, state: State) -> None:
    for upload_id in ("u", "other"):
        await subject.catalogue.create(make_upload(id=upload_id))
        await subject.catalogue.record(upload_id, Slice(0, 10), 2)
    await subject.catalogue.save(make_upload(state=state))
    async with subject.reopened() as other:
        (ended, left), (_, others) = await other.load("u"), await other.load("other")
    assert ended.state is state
    assert left == ([] if state in ENDED else [Slice(0, 10)])
    assert others == [Slice(0, 10)]
