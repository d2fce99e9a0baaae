"""The pictures of covers: kept with the upload, and gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.json_columns import intent_column, intent_value
from media_service.catalogue.sqlite_catalogue import SqliteCatalogue
from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.errors.service import CatalogueError
from media_service.core.upload import PublishIntent
from media_service.core.upload_states import ENDED, State
from media_service.ipc.client import RpcClient
from tests.catalogue.samples import make_file, rows, spooled
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from pathlib import Path

COVER = Cover("image/png", 7, 3, 4)
PICTURE = b"\x89PNG\0\xff!"


async def test_a_picture_comes_back_after_a_restart_and_the_newest_stays(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    await database.save_cover(make_upload(cover=COVER), PICTURE + b"old")
    await database.save_cover(make_upload(cover=COVER), PICTURE)
    other = SqliteCatalogue(path, RpcClient())
    await other.open()
    assert await other.cover("u") == PICTURE
    loaded = await other.load("u")
    assert loaded is not None
    assert loaded[0].cover == COVER
    await other.close()


async def test_a_cover_is_taken_away(database: SqliteCatalogue, path: Path) -> None:
    await database.create(make_upload())
    await database.save_cover(make_upload(cover=COVER), PICTURE)
    await database.save_cover(make_upload(), None)
    assert await database.cover("u") is None
    assert rows(path, "SELECT cover FROM uploads") == [(None,)]


async def test_upload_and_picture_are_kept_both_or_neither(database: SqliteCatalogue, path: Path) -> None:
    with pytest.raises(CatalogueError):
        await database.save_cover(make_upload(id="nobody", cover=COVER), PICTURE)
    assert rows(path, "SELECT * FROM covers") == []


@pytest.mark.parametrize("state", State)
async def test_an_ended_upload_forgets_its_picture_unless_it_may_be_judged_anew(
    database: SqliteCatalogue, path: Path, state: State
) -> None:
    for upload_id in ("u", "other"):
        await database.create(make_upload(id=upload_id))
        await database.save_cover(make_upload(id=upload_id, cover=COVER), PICTURE)
    await database.save(make_upload(state=state, cover=COVER))
    left = {upload_id for (upload_id,) in rows(path, "SELECT upload_id FROM covers")}
    assert left == ({"other"} if state in ENDED - {State.REJECTED} else {"u", "other"})


async def test_a_delivered_upload_forgets_its_picture(database: SqliteCatalogue) -> None:
    file = make_file(1)
    await database.create(make_upload(id="u1"))
    await database.save_cover(make_upload(id="u1", cover=COVER), PICTURE)
    await database.deliver(spooled(file, cover=COVER), file)
    assert await database.cover("u1") is None


@pytest.mark.parametrize("state", State)
async def test_a_picture_is_forgotten_only_of_a_rejected_upload(database: SqliteCatalogue, state: State) -> None:
    await database.create(make_upload(cover=COVER))
    await database.save_cover(make_upload(state=State.RECEIVED, cover=COVER), PICTURE)
    await database.save(make_upload(state=state, cover=COVER))
    await database.forget_cover("u")
    assert (await database.cover("u") is None) == (state in ENDED)


def test_a_place_knows_its_chapters_and_an_old_one_of_none() -> None:
    placing = PublishIntent(
        "a.mp3", 5, bytes(32), {"title": "밤"}, (Chapter(0, "시작"), Chapter(1.5, "B", "https://b.example/"))
    )
    assert intent_value(intent_column(placing)) == placing
    old = f'{{"name": "a.mp3", "size": 5, "sha256": "{"0" * 64}", "tags": {{}}}}'
    assert intent_value(old) == PublishIntent("a.mp3", 5, bytes(32), {})
