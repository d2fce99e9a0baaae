"""Suite of `core.ports.catalogue.Catalogue`: of two changes of the same version of an upload, one is saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.cover import Cover
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.files import SpoolEntry
from media_service.core.upload import PublishIntent, Slice, Upload
from media_service.core.upload_states import State
from tests.catalogue.samples import keep, make_file
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from media_service.core.ports.catalogue import Catalogue
    from tests.contracts.catalogues import Subject

    Save = Callable[[Catalogue, Upload], Awaitable[Upload | None]]

COVER = Cover("image/png", 7, 3, 4)
OLD, NEW = make_file(1), make_file(1, spool_entry=SpoolEntry("new.mp3", 9, bytes(32)))
INTENT = PublishIntent("new.mp3", 9, bytes(32), {})

SAVES: dict[str, Save] = {
    "save": lambda catalogue, upload: catalogue.save(upload),
    "end": lambda catalogue, upload: catalogue.save(replace(upload, state=State.CANCELLED)),
    "save_cover": lambda catalogue, upload: catalogue.save_cover(replace(upload, cover=COVER), b"new"),
    "remove_cover": lambda catalogue, upload: catalogue.save_cover(upload, None),
    "deliver": lambda catalogue, upload: catalogue.deliver(
        replace(upload, state=State.SPOOLED, file_id="f2"), make_file(2, upload_id="u2")
    ),
    "retag": lambda catalogue, upload: catalogue.retag(NEW, upload),
}


def everything(subject: Subject) -> list[Any]:
    """Return all rows that a save may change."""
    tables = ("uploads", "slices", "covers", "files")
    return [subject.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


async def version_of(catalogue: Catalogue, upload_id: str) -> int:
    """Return the version of the upload's row."""
    peeked = await catalogue.peek(upload_id, 0, 1)
    assert peeked is not None
    return peeked[0]


async def prepare(catalogue: Catalogue) -> Upload:
    """Write a row of each kind, and return the upload that is to be changed."""
    await keep(catalogue, OLD)
    await catalogue.save_retag_intent("f1", INTENT)
    upload = make_upload(id="u2", address="192.0.2.1")
    await catalogue.create(upload)
    await catalogue.record("u2", Slice(0, 10), 2)
    return await catalogue.save_cover(replace(upload, cover=COVER), b"old")


@pytest.mark.parametrize("name", SAVES)
async def test_a_save_returns_the_upload_with_the_version_of_its_row(catalogue: Catalogue, name: str) -> None:
    upload = await prepare(catalogue)
    saved = await SAVES[name](catalogue, upload)
    assert saved is not None
    assert saved.version == upload.version + 1
    assert await version_of(catalogue, "u2") == saved.version


@pytest.mark.parametrize("changes", [{"version": 0}, {"version": 2}, {"id": "nobody"}])
@pytest.mark.parametrize("name", SAVES)
async def test_a_change_of_another_version_changes_nothing(
    subject: Subject, catalogue: Catalogue, name: str, changes: dict[str, Any]
) -> None:
    upload = await prepare(catalogue)
    before = everything(subject)
    with pytest.raises(ChangedMeanwhile):
        await SAVES[name](catalogue, replace(upload, sender="Kim", **changes))
    assert everything(subject) == before
    assert [file.id for file, _ in await catalogue.retag_intents()] == ["f1"]


async def test_of_many_savers_of_one_version_one_saves(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    outcomes = await asyncio.gather(
        *(catalogue.save(make_upload(sender=f"{number}")) for number in range(20)), return_exceptions=True
    )
    (saved,) = [outcome for outcome in outcomes if isinstance(outcome, Upload)]
    assert sum(isinstance(outcome, ChangedMeanwhile) for outcome in outcomes) == 19
    loaded = await catalogue.load("u")
    assert loaded is not None
    assert loaded[0] == saved


async def test_a_retag_without_an_upload_compares_no_version(catalogue: Catalogue) -> None:
    await keep(catalogue, OLD)
    assert await catalogue.retag(NEW) is None
    assert await catalogue.file("f1") == NEW
    assert await version_of(catalogue, "u1") == 1


@pytest.mark.parametrize("state", State)
async def test_the_address_of_an_upload_is_deleted_when_it_ends(
    subject: Subject, catalogue: Catalogue, state: State
) -> None:
    await catalogue.create(make_upload(address="192.0.2.1"))
    await catalogue.save(make_upload(state=state, address="192.0.2.1"))
    is_open = state in (State.RECEIVING, State.RECEIVED, State.VERIFIED)
    assert subject.rows("SELECT address FROM uploads") == [("192.0.2.1" if is_open else None,)]
