"""Moves of files: wherever a process dies, the file ends in exactly one place, and its row agrees."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core import places
from media_service.core.errors.files import NameInUse
from media_service.core.files import Place, Trashed
from media_service.intake.moves import FileMoves
from media_service.storage.locks import FileLocks
from media_service.storage.s3.spool import S3Spool
from tests.catalogue.samples import keep, make_file
from tests.contracts.catalogues import ADAPTERS
from tests.contracts.spool.adapters import DiskPlace, open_place
from tests.intake.rig import Crash, Steps
from tests.support.s3 import Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from media_service.core.files import StoredFile
    from media_service.core.ports.spool import Spool
    from tests.contracts.catalogues import Subject
    from tests.contracts.spool.adapters import S3Place

__all__ = ["buckets"]

NOTE, NOW = Trashed(5, "person:kim", "Kim", "too old"), 9
SOUND = b"sound" * 1000

MIXTURES = [("sqlite", "disk"), ("postgresql", "versitygw")]
"""Catalogues and stores, each engine once: neither knows of the other. The second S3 server has the contract suite."""

ACTS: dict[str, tuple[Place, Place, Callable[[StoredFile], StoredFile]]] = {
    "trash": (Place.SPOOL, Place.TRASH, lambda file: places.trashed(file, NOTE)),
    "restore": (Place.TRASH, Place.SPOOL, places.restored),
    "purge": (Place.TRASH, Place.PURGED, lambda file: places.purged(file, NOW)),
}
"""Places before and after, in one of which a crash leaves the file, and what is changed."""


class Scene:
    """A catalogue and a store, in which each attempt has a file of its own."""

    def __init__(self, subject: Subject, store: DiskPlace | S3Place, folder: Path) -> None:
        self.subject = subject
        self.store = store
        self.locks = FileLocks(folder / "locks")
        self.rows = subject.catalogue.places
        self.made = 0

    async def moves(self, steps: Steps | None = None) -> FileMoves:
        """Return the moves of a process, which dies at a step."""
        around = (steps or Steps()).around
        return FileMoves(around(self.rows), around(await self._spool(around)), locks=self.locks, clock=lambda: NOW)

    async def _spool(self, around: Callable[[Any], Any]) -> Spool:
        if isinstance(self.store, DiskPlace):
            return await self.store.spool()
        # It dies at each request too.
        client = around(self.store.client)
        client.multiparts = around(self.store.client.multiparts)
        return S3Spool(client, self.store.scratch)

    async def file(self, place: Place) -> StoredFile:
        """Return a new file in this place, the spool or the trash."""
        self.made += 1
        file = make_file(self.made)
        await keep(self.subject.catalogue, file)
        await self.store.write(file.spool_entry.name, SOUND)
        return file if place is Place.SPOOL else await (await self.moves()).move(places.trashed(file, NOTE), file.place)

    async def dying(
        self, before: Place, act: Callable[[FileMoves, StoredFile], Awaitable[Any]]
    ) -> AsyncIterator[StoredFile]:
        """Act on one file after the other, dying at each step; yield each file after the death, and the last."""
        for step in range(1, 60):
            file = await self.file(before)
            try:
                await act(await self.moves(Steps(step, for_good=True)), file)
            except Crash:
                yield file
            else:
                assert step > 5
                yield file
                return
        raise AssertionError("it never ends")

    async def where(self, file: StoredFile) -> Place:
        """Return the file's place, in which alone its bytes are, with all that its row says of it."""
        row = await self.subject.catalogue.file(file.id)
        in_spool = file.spool_entry.name in await self.store.names()
        in_trash = file.id in await self.store.trashed()
        assert (in_spool, in_trash) == (row.place is Place.SPOOL, row.place is Place.TRASH), row
        assert await self.rows.moving_files() == []
        assert (row.trashed is not None) == (row.place in (Place.TRASH, Place.PURGED))
        assert (row.removed_at is not None) == (row.place in (Place.TAKEN, Place.PURGED))
        for table, expected in (("listed_files", places.LISTED), ("trashed_files", {Place.TRASH})):
            listed = self.subject.rows(f"SELECT count(*) FROM {table} WHERE file_id = '{file.id}'")
            assert listed == [(int(row.place in expected),)], table
        assert all(usage.is_right for usage in self.subject.check_usage())
        place: Place = row.place
        return place


@pytest_asyncio.fixture(params=MIXTURES, ids="-".join)
async def scene(request: pytest.FixtureRequest, buckets: Buckets, tmp_path: Path) -> AsyncIterator[Scene]:
    engine, place = request.param
    async with AsyncExitStack() as resources:
        subject = await resources.enter_async_context(ADAPTERS[engine](tmp_path, request.getfixturevalue))
        store = await resources.enter_async_context(open_place(place, buckets, tmp_path))
        await store.spool()
        scene = Scene(subject, store, tmp_path)
        resources.callback(scene.locks.close)
        yield scene


@pytest.mark.parametrize("act", ACTS)
async def test_a_crash_at_any_step_leaves_the_file_in_one_place_after_the_next_start(scene: Scene, act: str) -> None:
    before, after, change = ACTS[act]
    seen = []
    async for file in scene.dying(before, lambda moves, file: moves.move(change(file), file.place)):
        await (await scene.moves()).recover()
        seen.append(await scene.where(file))
    assert {*seen} == {before, after}
    # From the first durable change on it goes forward.
    assert seen == sorted(seen, key=lambda place: place is after)


@pytest.mark.parametrize("act", ACTS)
async def test_a_crash_during_recovery_is_recovered(scene: Scene, act: str) -> None:
    before, after, change = ACTS[act]

    async def begin_and_recover(moves: FileMoves, file: StoredFile) -> None:
        await scene.rows.move(change(file), file.place, moving=True)
        await moves.settle(file.id)

    async for file in scene.dying(before, begin_and_recover):
        await (await scene.moves()).settle(file.id)
        assert await scene.where(file) is after


@pytest.mark.parametrize("act", ["trash", "restore"])
async def test_what_somebody_takes_meanwhile_is_taken(scene: Scene, act: str) -> None:
    before, _, change = ACTS[act]
    file = await scene.file(before)
    await scene.rows.move(change(file), file.place, moving=True)
    if before is Place.SPOOL:
        await scene.store.take(file.spool_entry.name)
    else:
        await (await scene.store.spool()).discard_trashed(file.id)
    await (await scene.moves()).recover()
    assert await scene.where(file) is Place.TAKEN


async def test_a_file_whose_name_is_in_use_stays_in_the_trash_also_after_a_crash(scene: Scene) -> None:
    async def restore(moves: FileMoves, file: StoredFile) -> None:
        await scene.store.write(file.spool_entry.name, b"theirs")
        with pytest.raises(NameInUse):
            await moves.move(places.restored(file), file.place)

    async for file in scene.dying(Place.TRASH, restore):
        await (await scene.moves()).recover()
        row = await scene.subject.catalogue.file(file.id)
        assert (row.place, row.trashed) == (Place.TRASH, NOTE)
        await scene.store.take(file.spool_entry.name)
        assert await scene.where(file) is Place.TRASH
