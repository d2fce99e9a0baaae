"""Pictures of covers: stored with the upload, deleted with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.json_columns import intent_column, intent_value
from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.errors.service import CatalogueError
from media_service.core.upload import PublishIntent
from media_service.core.upload_states import ENDED, State
from tests.catalogue.samples import make_file, reopened, rows, spooled
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.catalogue.sqlite_catalogue import SqliteCatalogue

COVER = Cover("image/png", 7, 3, 4)
PICTURE = b"\x89PNG\0\xff!"


async def test_a_picture_outlives_a_restart_and_a_newer_one_replaces_it(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    await database.save_cover(make_upload(cover=COVER), PICTURE + b"old")
    await database.save_cover(make_upload(cover=COVER), PICTURE)
    async with reopened(path) as other:
        assert await other.cover("u") == PICTURE
        loaded = await other.load("u")
    assert loaded is not None
    assert loaded[0].cover == COVER


async def test_a_cover_can_be_removed(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    await database.save_cover(make_upload(cover=COVER), PICTURE)
    await database.save_cover(make_upload(), None)
    assert await database.cover("u") is None
    assert rows(path, "SELECT cover FROM uploads") == [(None,)]


async def test_upload_and_picture_are_saved_both_or_neither(database: SqliteCatalogue, path: Path) -> None:
    with pytest.raises(CatalogueError):
        await database.save_cover(make_upload(id="nobody", cover=COVER), PICTURE)
    assert rows(path, "SELECT * FROM covers") == []


@pytest.mark.parametrize("state", State)
async def test_the_picture_of_an_ended_upload_is_deleted_unless_it_was_rejected(
    database: SqliteCatalogue, path: Path, state: State
) -> None:
    for upload_id in ("u", "other"):
        await database.create(make_upload(id=upload_id))
        await database.save_cover(make_upload(id=upload_id, cover=COVER), PICTURE)
    await database.save(make_upload(state=state, cover=COVER))
    left = {upload_id for (upload_id,) in rows(path, "SELECT upload_id FROM covers")}
    assert left == ({"other"} if state in ENDED - {State.REJECTED} else {"u", "other"})


async def test_the_picture_of_a_delivered_upload_is_deleted(database: SqliteCatalogue) -> None:
    file = make_file(1)
    await database.create(make_upload(id="u1"))
    await database.save_cover(make_upload(id="u1", cover=COVER), PICTURE)
    await database.deliver(spooled(file, cover=COVER), file)
    assert await database.cover("u1") is None


@pytest.mark.parametrize("state", State)
async def test_forget_cover_deletes_only_pictures_of_rejected_uploads(database: SqliteCatalogue, state: State) -> None:
    await database.create(make_upload(cover=COVER))
    await database.save_cover(make_upload(state=State.RECEIVED, cover=COVER), PICTURE)
    await database.save(make_upload(state=state, cover=COVER))
    await database.forget_cover("u")
    assert (await database.cover("u") is None) == (state in ENDED)


def test_a_stored_intent_has_its_chapters_and_an_old_one_has_none() -> None:
    placing = PublishIntent(
        "a.mp3", 5, bytes(32), {"title": "밤"}, (Chapter(0, "시작"), Chapter(1.5, "B", "https://b.example/"))
    )
    assert intent_value(intent_column(placing)) == placing
    old = f'{{"name": "a.mp3", "size": 5, "sha256": "{"0" * 64}", "tags": {{}}}}'
    assert intent_value(old) == PublishIntent("a.mp3", 5, bytes(32), {})
