"""Suite of `core.ports.catalogue.Catalogue`: pictures of covers, stored with the upload and deleted with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.core.cover import Cover
from media_service.core.upload_states import ENDED, State
from tests.catalogue.samples import make_file, spooled
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue
    from tests.contracts.catalogues import Subject

COVER = Cover("image/png", 7, 3, 4)
PICTURE = b"\x89PNG\0\xff!"


async def test_a_picture_outlives_a_restart_and_a_newer_one_replaces_it(subject: Subject, catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    saved = await catalogue.save_cover(make_upload(cover=COVER), PICTURE + b"old")
    await catalogue.save_cover(saved, PICTURE)
    async with subject.reopened() as other:
        assert await other.cover("u") == PICTURE
        loaded = await other.load("u")
    assert loaded is not None
    assert loaded[0].cover == COVER


async def test_a_cover_can_be_removed(subject: Subject, catalogue: Catalogue) -> None:
    await catalogue.create(make_upload())
    saved = await catalogue.save_cover(make_upload(cover=COVER), PICTURE)
    await catalogue.save_cover(replace(saved, cover=None), None)
    assert await catalogue.cover("u") is None
    assert subject.rows("SELECT cover FROM uploads") == [(None,)]


@pytest.mark.parametrize("state", State)
async def test_the_picture_of_an_ended_upload_is_deleted_unless_it_was_rejected(
    subject: Subject, catalogue: Catalogue, state: State
) -> None:
    for upload_id in ("u", "other"):
        await catalogue.create(make_upload(id=upload_id))
        await catalogue.save_cover(make_upload(id=upload_id, cover=COVER), PICTURE)
    await catalogue.save(make_upload(state=state, cover=COVER, version=1))
    left = {upload_id for (upload_id,) in subject.rows("SELECT upload_id FROM covers")}
    assert left == ({"other"} if state in ENDED - {State.REJECTED} else {"u", "other"})


async def test_the_picture_of_a_delivered_upload_is_deleted(catalogue: Catalogue) -> None:
    file = make_file(1)
    await catalogue.create(make_upload(id="u1"))
    await catalogue.save_cover(make_upload(id="u1", cover=COVER), PICTURE)
    await catalogue.deliver(spooled(file, cover=COVER, version=1), file)
    assert await catalogue.cover("u1") is None


@pytest.mark.parametrize("state", State)
async def test_forget_rejected_deletes_only_pictures_of_rejected_uploads(catalogue: Catalogue, state: State) -> None:
    await catalogue.create(make_upload(cover=COVER))
    saved = await catalogue.save_cover(make_upload(state=State.RECEIVED, cover=COVER), PICTURE)
    await catalogue.save(replace(saved, state=state))
    await catalogue.forget_rejected("u")
    assert (await catalogue.cover("u") is None) == (state in ENDED)
