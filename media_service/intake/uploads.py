"""The service for uploads: create, receive slices, show, list, cancel; changes are in `edits`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core import admission, expiry, lifecycle
from media_service.core.errors.base import ServiceError
from media_service.core.errors.service import StorageFull
from media_service.core.errors.uploads import UploadGone, WrongState
from media_service.core.findings import refusal_of
from media_service.core.owners import LOCAL_OWNER
from media_service.core.ranges import Ranges
from media_service.core.reservation import first_reservation
from media_service.core.upload import Slice, Upload
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, Event, State
from media_service.intake.context import Dependencies
from media_service.intake.late_edits import LateEdits
from media_service.intake.receiving.active_uploads import ActiveUpload, ActiveUploads, UploadView, ranges_of
from media_service.intake.receiving.address_usage import AddressUsage
from media_service.intake.receiving.disk_space import DiskSpace
from media_service.intake.receiving.lifecycle import UploadLifecycle
from media_service.intake.receiving.slices import SliceReceiver, SliceRequest
from media_service.intake.tasks import TaskTracker
from media_service.intake.upload_edits import UploadEdits

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Collection, Sequence

    from media_service.core.findings import Finding
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.load import Load
    from media_service.core.ports.media import Media
    from media_service.core.ports.partials import Partials
    from media_service.intake.finalizing.finalizer import Finalizer
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.options import IntakeOptions


class UploadService:
    """Everything a client can do to an upload, in any dialect. `owner` None permits every upload.

    Methods with an id raise UnknownUpload; those that change raise WrongState, UploadGone, ShuttingDown.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        partials: Partials,
        media: Media,
        finalizer: Finalizer,
        options: IntakeOptions,
        *,
        retagger: Retagger,
        load: Load,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.options = options
        self._catalogue = catalogue
        self._partials = partials
        self._media = media
        self._finalizer = finalizer
        self._clock = clock
        self._new_id = new_id
        self._active_uploads = ActiveUploads(catalogue, options.lifetime)
        self._usage = AddressUsage(options.quotas)
        self._space = DiskSpace(partials, self._usage, options.disk_reserve)
        deps = Dependencies(
            active_uploads=self._active_uploads,
            catalogue=catalogue,
            partials=partials,
            media=media,
            options=options,
            clock=clock,
            usage=self._usage,
            space=self._space,
        )
        self._lifecycle = UploadLifecycle(deps, finalizer)
        self._tasks = TaskTracker()
        late = LateEdits(catalogue, finalizer.queue, retagger, options, clock=clock)
        self.edits = UploadEdits(deps, self._lifecycle, late, self._tasks)
        self._slices = SliceReceiver(deps, self._lifecycle, self._tasks, load.note_receiving)

    async def create(self, request: lifecycle.UploadRequest, owner: str, dialect: str) -> tuple[UploadView, bool]:
        """Return a new upload and True, or the owner's finished upload of the same bytes and False.

        Raise FileTooLarge, Malformed, TooManyUploads, QuotaExceeded, StorageFull, ShuttingDown.
        """
        self._tasks.check_open()
        limits = self.options.limits
        upload = lifecycle.create(request, limits, id=self._new_id(), owner=owner, dialect=dialect, now=self._clock())
        if upload.content_hash is not None and upload.length is not None:
            duplicate = await self.duplicate_of_bytes(owner, upload.content_hash, upload.length)
            if duplicate is not None:
                return duplicate, False
        self._usage.claim(upload, upload.length or 0)
        try:
            await self._store(upload)
        except BaseException:
            self._usage.release(upload)
            raise
        self._active_uploads.remember(ActiveUpload(upload, (), first_reservation(upload.length)))
        return self._active_uploads.view(upload, Ranges()), True

    async def _store(self, upload: Upload) -> None:
        """Create the partial and the row. Raise StorageFull; unreceived bytes of other uploads do not count."""
        if (upload.length or 1) > await self._space.spare():
            raise StorageFull
        await self._partials.create(upload.id, first_reservation(upload.length))
        try:
            await self._catalogue.create(upload)
        except ServiceError:
            # If the row exists after all, the first slice creates the partial again.
            await self._partials.discard(upload.id)
            raise

    async def largest(self) -> int:
        """Return the maximum bytes of a new upload, with the disk as it is now."""
        return max(0, min(self.options.limits.file, await self._space.spare()))

    async def duplicate_of_bytes(self, owner: str, content_hash: bytes, length: int) -> UploadView | None:
        """Return the owner's finished upload of the same bytes; None for the shared LOCAL_OWNER."""
        if owner == LOCAL_OWNER:
            return None
        upload = await self._catalogue.duplicate_of_bytes(owner, content_hash, length)
        return None if upload is None else self._active_uploads.view(upload, Ranges())

    async def show(self, upload_id: str, owner: str | None) -> UploadView:
        """Return the upload, without waiting for a writer."""
        active = self._active_uploads.in_memory(upload_id)
        if active is not None and active.upload.state not in FINISHING:
            self._active_uploads.check_owner(active.upload, owner)
            return self._active_uploads.view(active.upload, active.received)
        upload, slices = await self._active_uploads.load(upload_id, owner)
        return self._active_uploads.view(upload, ranges_of(slices))

    async def listing(
        self, owner: str | None, states: Collection[State], cursor: str | None, limit: int, *, short: bool = False
    ) -> tuple[list[UploadView], str | None]:
        """See `Catalogue.list_uploads`."""
        rows, following = await self._catalogue.list_uploads(owner, states, cursor, limit, short=short)
        return [self._active_uploads.view(upload, ranges_of(slices)) for upload, slices in rows], following

    async def slices(self, upload_id: str, owner: str | None) -> Sequence[Slice]:
        """Return the recorded slices by start."""
        return (await self._active_uploads.load(upload_id, owner))[1]

    async def receive(
        self, upload_id: str, owner: str | None, request: SliceRequest, body: AsyncIterable[bytes]
    ) -> UploadView:
        """Receive one slice, and return when it is durable and recorded.

        A recorded slice is acknowledged and not written again; its body is not read if its size is known. Raise as
        `admission`, and Malformed, BodyCut, IdleTimeout, BodyTooSlow, Superseded, DigestMismatch, StorageFull,
        StorageError, CatalogueError.
        """
        self._tasks.check_open()
        active = await self._active_uploads.find(upload_id, owner)
        await self._slices.receive(active, request, body)
        return await self._lifecycle.view(active)

    async def check_open(self, upload_id: str, owner: str | None) -> None:
        """Check before a body is parsed that the upload receives or is complete."""
        self._tasks.check_open()
        active = await self._active_uploads.find(upload_id, owner)
        if active.upload.state is not State.RECEIVING and active.upload.state not in COMPLETE_STATES:
            raise active.upload.refusal()

    async def wait_for_verdict(self, upload_id: str, seconds: float) -> UploadView:
        """Return the upload when it has ended, or after so many seconds."""
        await self._finalizer.queue.wait(upload_id, seconds)
        return await self.show(upload_id, None)

    async def cancel(self, upload_id: str, owner: str | None) -> None:
        """End the writers and free the space; twice is no error. Raise WrongState while it is being finished."""
        active = await self._active_uploads.find(upload_id, owner)
        async with active.changing():
            if active.upload.state is not State.CANCELLED:
                await self._lifecycle.end(active, Event.CANCEL)

    async def abandon(self, upload_id: str) -> None:
        """Cancel an upload that no client can resume, unless it is complete."""
        with suppress(WrongState, UploadGone):
            await self.cancel(upload_id, None)

    async def conclude(self, upload_id: str, owner: str | None) -> UploadView:
        """Complete an upload whose client says that all bytes were sent; return a rejected one as it is."""

        def concluded(active: ActiveUpload) -> Upload:
            if active.upload.state in COMPLETE_STATES or active.upload.state is State.REJECTED:
                return active.upload
            return lifecycle.conclude(active.upload, active.received, self._clock(), self.options.limits)

        return await self._lifecycle.change(await self._active_uploads.find(upload_id, owner), concluded)

    async def reserve_all(self, upload_id: str, owner: str) -> None:
        """Reserve disk space for all bytes, before they are copied. Raise StorageFull."""
        active = await self._active_uploads.find(upload_id, owner)
        partial = await self._partials.open(upload_id)
        if partial is not None:
            try:
                await self._space.reserve_all(active, partial, active.upload.length or 0)
            finally:
                self._partials.close(upload_id)

    def slices_recorded(self, upload_id: str) -> int:
        """Return the number of slices of an upload in memory, else 0."""
        active = self._active_uploads.in_memory(upload_id)
        return 0 if active is None else active.count

    async def adopt(self, upload_id: str, owner: str) -> UploadView:
        """Record all bytes, which were copied durably into the partial. Raise as `admission.check_record`."""
        active = await self._active_uploads.find(upload_id, owner)
        assert active.upload.length is not None
        piece = Slice(0, active.upload.length)
        admission.check_record(active.upload, active.received, piece)
        await self._lifecycle.record(active, piece)
        await self._lifecycle.complete_if_possible(active)
        return await self._lifecycle.view(active)

    def remaining(self, view: UploadView) -> int:
        """Return the microseconds after which the upload expires if no bytes come."""
        return max(0, (view.expires_at or self._clock()) - self._clock())

    async def expire(self, upload: Upload) -> bool:
        """End an expired upload; return whether it ended. A writer keeps it, but not past its `whole` lifetime."""
        active, lifetime, now = await self._active_uploads.find(upload.id, None), self.options.lifetime, self._clock()
        async with active.changing():
            if active.upload.finalize_failed:
                try:
                    await self._lifecycle.end(active, Event.EXPIRE)
                except (WrongState, UploadGone):
                    return False
                return True
            written = bool(active.leases) and now < expiry.deadline_at(active.upload, lifetime)
            due = active.upload.state is State.RECEIVING and expiry.expires_at(active.upload, lifetime) < now
            if not due or written:
                return False
            await self._lifecycle.end(active, Event.EXPIRE)
            return True

    async def reject_early(self) -> None:
        """Reject uploads as soon as their first bytes show that they will be, until cancelled."""
        async for upload_id, findings in self._media.early_rejections():
            self._tasks.begin(self._reject(upload_id, findings))

    async def _reject(self, upload_id: str, findings: Sequence[Finding]) -> None:
        refusal, active = refusal_of(findings), await self._active_uploads.find(upload_id, None)
        # Excluded from finalizing, so that a recheck waits until the partial is discarded.
        with self._finalizer.queue.excluded(upload_id):
            async with active.changing():
                complete = lifecycle.is_complete(active.upload, active.received)
                if refusal is None or complete or active.upload.state is not State.RECEIVING:
                    return
                # Keep what came, without the reserved space after it.
                await self._partials.trim(upload_id, max((span.stop for span in active.received), default=0))
                verdict = await self._finalizer.rejected.take(active.upload, refusal, findings)
                await self._lifecycle.end(active, Event.REJECT, verdict=verdict)

    async def recover(self) -> None:
        """After a start: count open uploads, complete those with all bytes, abandon cut plain forms."""
        for upload in await self._catalogue.in_state({State.RECEIVING}):
            if upload.address is not None:
                size = upload.length or ranges_of((await self._active_uploads.load(upload.id, None))[1]).size
                self._usage.note(upload.address, upload.id, size)
        for upload_id in await self._catalogue.receiving_whole():
            await self._lifecycle.complete_if_possible(await self._active_uploads.find(upload_id, None))
        for upload in await self._catalogue.in_state({State.RECEIVING}):
            if not lifecycle.is_resumable(upload):
                await self.abandon(upload.id)

    async def close(self) -> None:
        """Refuse new requests, and return when every slice that was read is recorded."""
        await self._tasks.close()
