"""Suite of `core.ports.catalogue.Catalogue`: uploads and slices while they are received."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.core.errors.service import CatalogueError
from media_service.core.upload import Slice
from media_service.core.upload_states import ENDED, State
from tests.catalogue.samples import FULL
from tests.contracts import catalogues
from tests.contracts.catalogues import Subject
from tests.core.samples import make_upload
from tests.intake.models import ModelReceiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload


@asynccontextmanager
async def model(folder: Path) -> AsyncIterator[Subject]:
    """Yield the model, which has only the methods that this suite checks and survives its process."""
    catalogue = ModelReceiving()

    @asynccontextmanager
    async def reopened() -> AsyncIterator[ModelReceiving]:
        yield catalogue

    yield Subject(catalogue, reopened, lambda query: [])


ADAPTERS = {**catalogues.ADAPTERS, "model": model}


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with ADAPTERS[request.param](tmp_path) as subject:
        yield subject


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
    assert await catalogue.load("u") == (make_upload(sender="Kim", updated_at=60), [Slice(0, 10)])


async def test_a_slice_and_the_upload_that_it_completes_are_recorded_together(subject: Subject) -> None:
    whole = make_upload(state=State.RECEIVED, updated_at=2)
    await subject.catalogue.create(make_upload())
    await subject.catalogue.record("u", Slice(0, 300), 2, whole)
    async with subject.reopened() as other:
        assert await other.load("u") == (whole, [Slice(0, 300)])


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
