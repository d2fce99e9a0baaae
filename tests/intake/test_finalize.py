"""Finishing: wherever the process dies, finishing again ends it, once and right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.digest import WholeFileDigest
from media_service.core.rules import Wish
from media_service.core.upload import FINISHING, State
from media_service.intake.receive import Incoming
from tests.intake.rig import Crash, Rig, Steps
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MP3 = make_mp3(1, {"artist": "Kept"}, seed=81)
TEXT = b"no music at all\n" * 1000


async def receive(rig: Rig, data: bytes, name: str = "show.mp3", claims: Any = None) -> str:
    """An upload with all its bytes recorded, not yet finished."""
    wish = replace(Wish(name, len(data), tags={"title": "T"}), **(claims or {}))
    view, _ = await rig.intake.create(wish, "me", "native")

    async def blocks() -> AsyncIterator[bytes]:
        yield data

    await rig.intake.receive(view.upload.id, "me", Incoming(0, len(data), None, "native"), blocks)
    return view.upload.id


async def finish_all(rig: Rig) -> None:
    """What a start does: sweep orphans, recover, finish what is whole."""
    await rig.sweeper.discard_orphans()
    await rig.intake.recover()
    for upload in await rig.database.in_state(FINISHING):
        loaded = await rig.database.load(upload.id)
        assert loaded is not None
        await rig.finisher.finish(*loaded)


async def test_whole_mp3_is_spooled_with_its_tags(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        await finish_all(rig)
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].state is State.SPOOLED
        file = await rig.database.file(loaded[0].file_id or "")
        assert file is not None
        assert dict(file.tags) == {"title": "T", "artist": "Kept"}
        assert rig.names() == ["show.mp3"]
        assert await rig.partials.ids() == []


@pytest.mark.parametrize(("data", "end"), [(MP3, State.SPOOLED), (TEXT, State.REJECTED)])
async def test_crash_at_any_step_ends_the_same(tmp_path: Path, data: bytes, end: State) -> None:
    crash_at = 0
    while True:
        crash_at += 1
        folder = tmp_path / str(crash_at)
        crashed = False
        steps = Steps(crash_at)
        async with Rig(folder, steps) as rig:
            try:
                upload_id = await receive(rig, data)
                await finish_all(rig)
            except Crash:
                crashed = True
        async with Rig(folder) as rig:
            await finish_all(rig)
            await _check_end(rig, end)
        if not crashed:
            break
    assert crash_at > 15, "the steps were not counted"
    assert upload_id


async def _check_end(rig: Rig, end: State) -> None:
    """One file or none, a row that says so, and nothing left beside them."""
    spooled = await rig.database.in_state({State.SPOOLED})
    rejected = await rig.database.in_state({State.REJECTED})
    waiting = {upload.id for upload in await rig.database.in_state({State.RECEIVING})}
    assert not await rig.database.in_state({State.LOST})
    if end is State.SPOOLED:
        assert rig.names() == ["show.mp3"][: len(spooled)]
        assert not rejected
    else:
        assert rig.names() == []
        kept = {path.stem for path in rig.folders.quarantine.iterdir()}
        assert {upload.id for upload in rejected} <= kept
    # A crash before the last byte was recorded leaves an upload that its client goes on with.
    assert len(spooled) + len(rejected) + len(waiting) <= 1
    assert set(await rig.partials.ids()) == waiting
    assert await rig.spool.unsettled() == []


@pytest.mark.parametrize("claim", ["digest", "content_hash"])
async def test_file_of_other_bytes_than_claimed_is_rejected(tmp_path: Path, claim: str) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3, claims={claim: bytes(32)})
        await finish_all(rig)
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].verdict is not None
        assert loaded[0].verdict.code == {"digest": "digest_mismatch", "content_hash": "content_hash_mismatch"}[claim]


async def test_right_claims_are_proven(tmp_path: Path) -> None:
    digest = WholeFileDigest()
    digest.update(MP3)
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3, claims={"digest": digest.sha256(), "content_hash": digest.content_hash()})
        await finish_all(rig)
        assert rig.names() == ["show.mp3"]


async def test_missing_partial_is_lost_not_spooled(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        upload_id = await receive(rig, MP3)
        rig.partials.path(upload_id).unlink()
        await finish_all(rig)
        loaded = await rig.database.load(upload_id)
        assert loaded is not None
        assert loaded[0].state is State.LOST


async def test_name_of_a_file_that_was_taken_away_is_not_given_again(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data") as rig:
        await receive(rig, MP3)
        await finish_all(rig)
        rig.spool.path("show.mp3").unlink()
        await receive(rig, MP3)
        await finish_all(rig)
        assert rig.names() == ["show (2).mp3"]
