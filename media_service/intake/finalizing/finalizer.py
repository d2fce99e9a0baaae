"""Finalize complete uploads: verify, tag, publish, deliver, discard the partial.

The states in the catalogue are the queue, and every step can be repeated, so recovery after a crash repeats them.
`queue.py` decides which upload is next.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from media_service.core.access import is_same_person
from media_service.core.errors.base import Refusal, ServiceError
from media_service.core.errors.files import Duplicate
from media_service.core.errors.service import FinalizeFailed, StorageError
from media_service.core.files import SpoolEntry, StoredFile
from media_service.core.findings import Finding, Severity, refusal_of
from media_service.core.upload import Review, Upload, Verdict
from media_service.core.upload_states import ENDED, FINISHING, Event, State
from media_service.intake.finalizing.audio_locks import AudioLocks
from media_service.intake.finalizing.publish import Publisher
from media_service.intake.finalizing.queue import FinalizeQueue
from media_service.intake.topics import CHANGED, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.media import Media
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Slice
    from media_service.intake.finalizing.rejected import RejectedUploads

RESCAN_SECONDS = 5.0
"""Interval at which the catalogue is searched for complete uploads whose hint was lost."""

SLOW_TAG_CODE = "mutagen_error"
"""The finding of a file whose tags took too much time or memory to read, or ended the tag worker."""

log = structlog.get_logger()


class Finalizer:
    """Finalize uploads in the order of `queue`. `delivered` is set when a file was delivered."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: UploadStore,
        spool: Spool,
        quarantine: Quarantine,
        media: Media,
        *,
        collections: Collections,
        rejected: RejectedUploads,
        locks: Locks,
        bus: Bus,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        duplicates: Literal["keep", "refuse", "link"] = "keep",
        workers: int = 2,
    ) -> None:
        self.queue = FinalizeQueue(workers, self.finalize_one, self.record_fault, locks=locks, bus=bus)
        self._rejected = rejected
        self._bus = bus
        self._hints: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        bus.subscribe(CHANGED, lambda upload_id, state: self._hints.put_nowait((upload_id, state)))
        self.delivered = asyncio.Event()
        self._publisher = Publisher(catalogue, collections, store, spool, media)
        self._audio_locks = AudioLocks()
        self._duplicates = duplicates
        self._catalogue = catalogue
        self._store = store
        self._spool = spool
        self._quarantine = quarantine
        self._media = media
        self._clock = clock
        self._new_id = new_id

    async def run(self) -> None:
        """Finalize what a previous run left, then what becomes complete, until cancelled."""
        # The process before may have died while several uploads waited.
        self._bus.publish(WAITING, 0)
        for upload in await self._catalogue.in_state(FINISHING):
            # It may be in the spool already, so others with the same audio must wait for it.
            if upload.publish_intent is not None:
                self._audio_locks.acquire(upload)
            self.queue.enqueue(upload)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run_workers())
            group.create_task(self._follow_hints())
            group.create_task(self._rescan())

    async def _follow_hints(self) -> None:
        """Enqueue uploads when they become complete, and those that waited for one that was cancelled."""
        while True:
            upload_id, state = await self._hints.get()
            try:
                await self._follow_hint(upload_id, state)
            except ServiceError as trouble:
                # The next scan finds the upload.
                log.warning("a hint was not followed", upload=upload_id, trouble=str(trouble))

    async def _follow_hint(self, upload_id: str, state: str) -> None:
        if state == State.RECEIVED and not self.queue.knows(upload_id):
            loaded = await self._catalogue.load(upload_id)
            # `record_fault` publishes this hint too.
            if loaded is not None and loaded[0].state in FINISHING and not loaded[0].finalize_failed:
                self.queue.enqueue(loaded[0])
        elif state in ENDED:
            self._release_lock(upload_id)

    async def _rescan(self) -> None:
        """Find what hints of the bus did not tell."""
        while True:
            await asyncio.sleep(RESCAN_SECONDS)
            try:
                await self.rescan()
            except ServiceError as trouble:
                log.warning("the catalogue is searched again later", trouble=str(trouble))

    async def rescan(self) -> None:
        """Enqueue complete uploads that the queue does not know; release the locks of those that ended."""
        # Ids are enough while no hint was lost: whole rows of 2,000 waiting uploads took 0.16 s of the event loop.
        left = await self._catalogue.ids_in_state(FINISHING)
        if not all(map(self.queue.knows, left)):
            for upload in await self._catalogue.in_state(FINISHING):
                if not self.queue.knows(upload.id) and not upload.finalize_failed:
                    self.queue.enqueue(upload)
        for upload_id in self._audio_locks.holders - left:
            self._release_lock(upload_id)

    async def finalize_one(self, upload_id: str) -> bool:
        """Finalize the upload; return False if it waits for another one, which enqueues it when it ends."""
        loaded = await self._catalogue.load(upload_id)
        if loaded is None or loaded[0].state not in FINISHING:
            if loaded is not None and loaded[0].state in ENDED:
                # The response to its last save was lost, and what follows the save was not done.
                await self._discard(upload_id)
            self._release_lock(upload_id)
            return True
        return (await self.finish(*loaded)).state not in FINISHING

    async def record_fault(self, upload_id: str) -> None:
        """Mark the upload as `finalize_failed`."""
        self._release_lock(upload_id)
        await self._store.release(upload_id)
        loaded = await self._catalogue.load(upload_id)
        if loaded is not None and loaded[0].state in FINISHING:
            await self._catalogue.save(replace(loaded[0], verdict=Verdict(FinalizeFailed.code, {})))
            self._bus.publish(CHANGED, upload_id, loaded[0].state.value)

    async def finish(self, upload: Upload, slices: Sequence[Slice]) -> Upload:
        """Finalize a complete upload: return it spooled, rejected or lost. Raise ServiceError if it must be retried.

        It is returned verified if another upload with the same audio is being delivered.
        """
        # Without the verdict `finalize_failed` of a previous run: its cause may be gone.
        ended = await self._finish(replace(upload, verdict=None), slices)
        if ended.state not in FINISHING:
            self._release_lock(upload.id)
            self._bus.publish(CHANGED, upload.id, ended.state.value)
        return ended

    def _release_lock(self, upload_id: str) -> None:
        for waiting in self._audio_locks.release(upload_id):
            self.queue.enqueue(waiting)

    async def _finish(self, upload: Upload, slices: Sequence[Slice]) -> Upload:
        try:
            if upload.state is State.RECEIVED:
                upload = await self._verify(upload, slices)
            if upload.state is State.VERIFIED and self._audio_locks.acquire(upload):
                upload = await self._deliver(upload, slices)
            return upload
        except Refusal as refusal:
            return await self._reject(upload, slices, refusal)
        except FileNotFoundError as missing:
            if not await self._store.is_lost(upload.id, slices):
                raise StorageError from missing
            log.error("bytes missing", upload=upload.id)
            return await self._catalogue.save(upload.step(Event.LOSE, self._clock()))

    async def _verify(self, upload: Upload, slices: Sequence[Slice]) -> Upload:
        """Return the upload verified, with its facts, or rejected."""
        assert upload.length is not None
        await self._store.trim(upload.id, upload.length)
        source = await self._store.fetch(upload.id, slices, upload.length)
        facts = await self._media.verify(source.path, upload, slices)
        if any(finding.code == SLOW_TAG_CODE for finding in facts.findings):
            self.queue.note_slow(upload)
        refusal = refusal_of(facts.findings)
        if refusal is not None and upload.review is not Review.FORCED:
            return await self._reject(upload, slices, refusal, facts.findings)
        return await self._catalogue.save(upload.step(Event.VERIFY, self._clock(), facts=facts))

    async def _deliver(self, upload: Upload, slices: Sequence[Slice]) -> Upload:
        """Publish the file in the spool and deliver it, from any step at which a previous run ended."""
        if upload.publish_intent is None:
            duplicate = await self._duplicate(upload)
            if duplicate is not None and self._duplicates == "link" and _may_link(upload, duplicate):
                return await self._link(upload, duplicate)
            upload = upload if duplicate is None else _with_duplicate_note(upload, duplicate)
        upload = await self._publisher.publish(upload, slices)
        now = self._clock()
        file = _stored_file(upload, self._new_id(), now)
        delivered = await self._catalogue.deliver(upload.step(Event.DELIVER, now, file_id=file.id), file)
        self.delivered.set()
        await self._store.discard(upload.id)
        if upload.review is not None:
            await self._quarantine.discard(upload.id)
        log.info("spooled", upload=upload.id, name=file.spool_entry.name, size=file.spool_entry.size)
        return delivered

    async def _duplicate(self, upload: Upload) -> StoredFile | None:
        """Return a finished file with the same audio. Raise Duplicate if the settings refuse a second one."""
        assert upload.facts is not None
        duplicate = await self._catalogue.duplicate_of_audio(upload.facts, upload.owner, upload.collection)
        if duplicate is not None and self._duplicates == "refuse" and upload.review is not Review.FORCED:
            raise Duplicate(_visible_name(upload, duplicate))
        return duplicate

    async def _link(self, upload: Upload, duplicate: StoredFile) -> Upload:
        """End the upload with the duplicate as its file."""
        linked = await self._catalogue.save(upload.step(Event.DELIVER, self._clock(), file_id=duplicate.id))
        await self._discard(upload.id)
        log.info("linked", upload=upload.id, file=duplicate.id)
        return linked

    async def _reject(
        self, upload: Upload, slices: Sequence[Slice], refusal: Refusal, findings: Sequence[Finding] = ()
    ) -> Upload:
        verdict = await self._rejected.take(upload, slices, refusal, findings)
        rejected = await self._catalogue.save(upload.step(Event.REJECT, self._clock(), verdict=verdict))
        await self._discard(upload.id)
        log.info("rejected", upload=upload.id, code=verdict.code)
        return rejected

    async def _discard(self, upload_id: str) -> None:
        """Delete the partial, and an assembled file that a crash may have left."""
        await self._spool.discard_assembled(upload_id)
        await self._store.discard(upload_id)


def _stored_file(upload: Upload, file_id: str, now: int) -> StoredFile:
    facts, intent = upload.facts, upload.publish_intent
    assert facts is not None
    assert intent is not None
    return StoredFile(
        id=file_id,
        upload_id=upload.id,
        owner=upload.owner,
        account=upload.account,
        collection=upload.collection,
        email=upload.email,
        sender=upload.sender,
        filename=upload.filename,
        spool_entry=SpoolEntry(intent.name, intent.size, intent.sha256),
        facts=facts,
        tags=intent.tags,
        chapters=intent.chapters,
        has_cover=intent.has_cover,
        uploaded_at=upload.created_at,
        spooled_at=now,
    )


def _with_duplicate_note(upload: Upload, duplicate: StoredFile) -> Upload:
    """Return the upload with a finding that a file with the same audio exists."""
    facts = upload.facts
    assert facts is not None
    exact = facts.content_hash == duplicate.facts.content_hash
    expected = "same bytes" if exact else "same sound"
    note = Finding("duplicate", Severity.INFO, expected=expected, actual=_visible_name(upload, duplicate))
    return replace(upload, facts=replace(facts, findings=(*facts.findings, note)))


def _may_link(upload: Upload, duplicate: StoredFile) -> bool:
    """Return whether the duplicate may stand for the upload's own file: the same person's, in the same collection."""
    return is_same_person(upload.owner, duplicate.owner) and upload.collection == duplicate.collection


def _visible_name(upload: Upload, duplicate: StoredFile) -> str | None:
    """Return the duplicate's name if it belongs to the uploader: names of other owners' files are private."""
    return duplicate.spool_entry.name if is_same_person(upload.owner, duplicate.owner) else None
