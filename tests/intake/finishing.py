"""Bring uploads of a rig to their end, one by one or all at once."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from mutagen.id3 import ID3

from media_service.core.access import Origin
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload_states import FINISHING, State
from media_service.intake.assembly import FinisherParts
from media_service.intake.receiving.slice_request import SliceRequest
from tests.support.mp3 import make_frames, make_mp3, tag_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.core.files import StoredFile
    from media_service.core.upload import Upload
    from media_service.intake.finalizing.finalizer import Finalizer
    from tests.intake.rig import Rig

MP3 = make_mp3(1, {"artist": "Kept"}, seed=81)
TEXT = b"no music at all\n" * 1000
SOUND = make_frames(100, seed=82)
RETAGGED = tag_bytes({"title": "Another"}, 3) + SOUND


async def receive(rig: Rig, data: bytes, name: str = "show.mp3", claims: Any = None, owner: str = "me") -> str:
    """Return the id of an upload with all bytes recorded, not yet finalized."""
    request = replace(UploadRequest(name, len(data), tags={"title": "T"}), **(claims or {}))
    view, _ = await rig.intake.create(replace(request, origin=Origin(owner)), "native")

    async def blocks() -> AsyncIterator[bytes]:
        yield data

    await rig.intake.receive(view.upload.id, None, SliceRequest(0, len(data), None, "native"), blocks())
    return view.upload.id


async def finish_all(rig: Rig) -> None:
    """Do what a start does: discard orphans, recover, finalize complete uploads."""
    await rig.recovery.run()
    for upload in await rig.database.in_state(FINISHING):
        loaded = await rig.database.load(upload.id)
        assert loaded is not None
        await rig.finalizer.finish(*loaded)


async def spooled(rig: Rig, data: bytes, name: str = "show.mp3", owner: str = "me") -> Any:
    """Return the upload of these bytes after finalizing."""
    upload_id = await receive(rig, data, name, owner=owner)
    await finish_all(rig)
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    return loaded[0]


async def finish_together(rig: Rig) -> None:
    """Finalize complete uploads, all at once, until none is left. Raise Crash."""
    while left := [await rig.database.load(upload.id) for upload in await rig.database.in_state(FINISHING)]:
        ends = [rig.finalizer.finish(*loaded) for loaded in left if loaded is not None]
        for end in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(end, BaseException):
                raise end


async def ended(rig: Rig, upload_ids: list[str]) -> list[Upload]:
    """Return the uploads, spooled ones first."""
    loaded = [await rig.database.load(upload_id) for upload_id in upload_ids]
    uploads = [found[0] for found in loaded if found is not None]
    return sorted(uploads, key=lambda upload: upload.state is not State.SPOOLED)


def finalizer_with(rig: Rig, duplicates: Literal["keep", "refuse"] = "keep", **adapters: Any) -> Finalizer:
    """Return a finalizer with other adapters than the rig's."""
    return FinisherParts(replace(rig.adapters, **adapters), rig.options, duplicates=duplicates).finalizer


async def run_until(rig: Rig, finalizer: Finalizer, upload_id: str) -> Upload:
    """Return the upload once the finalizer has nothing more to do for it."""
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    finalizer.queue.enqueue(loaded[0])
    running = asyncio.create_task(finalizer.run())
    while finalizer.queue.knows(upload_id):
        await asyncio.sleep(0.01)
    running.cancel()
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    return loaded[0]


async def the_rows(rig: Rig, upload_id: str) -> tuple[Upload, StoredFile]:
    """Return the rows of a delivered upload and its file."""
    loaded = await rig.database.load(upload_id)
    assert loaded is not None
    file = await rig.database.file(loaded[0].file_id or "")
    assert file is not None
    return loaded[0], file


def stored_tag(rig: Rig) -> ID3:
    """Return the tag of the delivered `show.mp3`."""
    return ID3(io.BytesIO(rig.spool.path("show.mp3").read_bytes()))
