"""The service for uploads: create, receive slices, show, list, cancel; changes are in `edits`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from media_service.core import admission, lifecycle
from media_service.core.access import is_shared, may_access
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.service import BeingFinished, ChangedMeanwhile, StorageFull
from media_service.core.errors.uploads import CancelledByStation, UploadGone, WrongState
from media_service.core.ranges import Ranges
from media_service.core.reservation import first_reservation
from media_service.core.upload import Slice, Upload, Verdict, ranges_of
from media_service.core.upload_states import COMPLETE_STATES, State
from media_service.intake.context import Dependencies
from media_service.intake.receiving.active_uploads import ActiveUpload, ActiveUploads, UploadView
from media_service.intake.receiving.address_usage import AddressUsage
from media_service.intake.receiving.disk_space import DiskSpace
from media_service.intake.receiving.lifecycle import UploadLifecycle
from media_service.intake.receiving.slices import SliceReceiver
from media_service.intake.receiving.storage_quotas import StorageQuotas
from media_service.intake.tasks import TaskTracker
from media_service.intake.upload_edits import UploadEdits
from media_service.intake.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Collection, Sequence

    from media_service.core.access import Viewer
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import Media
    from media_service.core.ports.rates import CreationRates
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.quota import Allowance
    from media_service.intake.ending import UploadEnder
    from media_service.intake.late_edits import LateEdits
    from media_service.intake.options import IntakeOptions
    from media_service.intake.receiving.slice_request import SliceRequest


class UploadService:
    """Everything a client can do to an upload, in any dialect. `viewer` None permits every upload.

    Methods with an id raise UnknownUpload; those that change raise WrongState, UploadGone, ChangedMeanwhile,
    ShuttingDown.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: UploadStore,
        media: Media,
        options: IntakeOptions,
        *,
        rates: CreationRates,
        ender: UploadEnder,
        late_edits: LateEdits,
        bus: Bus,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.options = options
        self._catalogue = catalogue
        self._store = store
        self._rates = rates
        self._ender = ender
        self._clock = clock
        self._new_id = new_id
        self._active_uploads = ActiveUploads(catalogue, options.lifetime, bus)
        self._usage = AddressUsage(catalogue, options.quotas)
        self._quotas = StorageQuotas(catalogue, options.storage_limits)
        self._space = DiskSpace(store, self._usage, self._quotas, options.disk_reserve)
        deps = Dependencies(
            active_uploads=self._active_uploads,
            catalogue=catalogue,
            store=store,
            media=media,
            bus=bus,
            options=options,
            clock=clock,
            usage=self._usage,
            quotas=self._quotas,
            space=self._space,
        )
        self._verdicts = Verdicts(catalogue, bus)
        self._lifecycle = UploadLifecycle(deps, self._verdicts)
        self._tasks = TaskTracker()
        self.edits = UploadEdits(deps, self._lifecycle, late_edits, self._tasks)
        self._slices = SliceReceiver(deps, self._lifecycle, self._tasks)

    async def create(self, request: lifecycle.UploadRequest, dialect: str) -> tuple[UploadView, bool]:
        """Return a new upload and True, or the owner's finished upload of the same bytes and False.

        Raise FileTooLarge, Malformed, TooManyRequests, TooManyUploads, QuotaExceeded, StorageFull, ShuttingDown.
        """
        self._tasks.check_open()
        # Count here: every creation of every dialect calls this method, and nothing else does.
        self._rates.creation(request.origin.owner, request.origin.address)
        limits = self.options.limits
        upload = lifecycle.create(request, limits, id=self._new_id(), dialect=dialect, now=self._clock())
        if upload.content_hash is not None and upload.length is not None:
            duplicate = await self.duplicate_of_bytes(
                upload.owner, upload.content_hash, upload.length, upload.collection
            )
            if duplicate is not None:
                return duplicate, False
        charged = await self._create(upload)
        self._active_uploads.remember(ActiveUpload(upload, (), first_reservation(upload.length), charged))
        return self._active_uploads.view(upload, Ranges()), True

    async def _create(self, upload: Upload) -> int:
        """Create the partial and the row; return the bytes that it has reserved of its quotas.

        Raise StorageFull; for the disk unreceived bytes of other uploads do not count.
        """
        if (upload.length or 1) > await self._space.spare():
            raise StorageFull
        await self._store.create(upload.id, first_reservation(upload.length))
        try:
            quota = self._usage.quota_of(upload.address)
            return await self._catalogue.create(upload, quota, self._quotas.limits)
        except MediaServiceError:
            # If the row exists after all, the first slice creates the partial again.
            await self._store.discard(upload.id)
            raise

    async def largest(self, account: str | None, collection: str | None) -> int:
        """Return the maximum bytes of a new upload for these, with the disk and the quotas as they are now."""
        most = min(self.options.limits.file, await self._space.spare())
        left = await self._quotas.largest(account, collection)
        return max(0, most if left is None else min(most, left))

    async def allowances(self, account: str | None) -> Sequence[Allowance]:
        """Return the limits and the usage of the service, and of a person or a link."""
        return await self._quotas.allowances(account)

    async def allowance(self, account: str) -> Allowance:
        """Return the limits and the usage of a person or a link."""
        return await self._quotas.allowance(account)

    async def duplicate_of_bytes(
        self, owner: str, content_hash: bytes, length: int, collection: str | None
    ) -> UploadView | None:
        """Return the owner's finished upload of the same bytes for this collection; None for a shared owner."""
        if is_shared(owner):
            return None
        upload = await self._catalogue.duplicate_of_bytes(owner, content_hash, length, collection)
        return None if upload is None else self._active_uploads.view(upload, Ranges())

    async def show(self, upload_id: str, viewer: Viewer | None) -> UploadView:
        """Return the upload, without waiting for a writer. What any process recorded before the call counts."""
        upload, slices = await self._active_uploads.load(upload_id, viewer)
        active = self._active_uploads.in_memory(upload_id)
        if active is not None:
            active.refresh(upload, slices)
        return self._active_uploads.view(upload, ranges_of(slices))

    async def known(self, upload_id: str, viewer: Viewer | None) -> UploadView:
        """Return the upload as this process knows it: before a refusal, the caller must ask `show`."""
        active = await self._active_uploads.find(upload_id, viewer)
        return self._active_uploads.view(active.upload, active.received)

    async def listing(
        self,
        owner: str | None,
        states: Collection[State],
        cursor: str | None,
        limit: int,
        *,
        collections: Collection[str] = (),
        short: bool = False,
    ) -> tuple[list[UploadView], str | None]:
        """See `Catalogue.list_uploads`."""
        listed = self._catalogue.list_uploads(owner, states, cursor, limit, collections=collections, short=short)
        rows, following = await listed
        return [self._active_uploads.view(upload, ranges_of(slices)) for upload, slices in rows], following

    async def slices(self, upload_id: str, viewer: Viewer | None) -> Sequence[Slice]:
        """Return the recorded slices by start."""
        return (await self._active_uploads.load(upload_id, viewer))[1]

    async def receive(
        self, upload_id: str, viewer: Viewer | None, request: SliceRequest, body: AsyncIterable[bytes]
    ) -> UploadView:
        """Receive one slice, and return when it is durable and recorded.

        A recorded slice is acknowledged and not written again; its body is not read if its size is known. Raise as
        `admission`, and Malformed, BodyCut, IdleTimeout, BodyTooSlow, Superseded, DigestMismatch, StorageFull,
        StorageError, CatalogueError.
        """
        self._tasks.check_open()
        active = await self._active_uploads.find(upload_id, viewer)
        await self._slices.receive(active, request, body)
        return await self._lifecycle.view(active)

    async def check_open(self, upload_id: str, viewer: Viewer | None) -> None:
        """Check before a body is parsed that the upload receives or is complete."""
        self._tasks.check_open()
        upload = (await self._active_uploads.find(upload_id, viewer)).upload
        if upload.state is not State.RECEIVING and upload.state not in COMPLETE_STATES:
            raise upload.refusal()

    async def wait_for_verdict(self, upload_id: str, seconds: float) -> UploadView:
        """Return the upload when it has ended, or after so many seconds."""
        await self._verdicts.wait(upload_id, seconds)
        return await self.show(upload_id, None)

    async def cancel(
        self, upload_id: str, viewer: Viewer | None, *, own: Viewer | None = None, reason: str = ""
    ) -> Upload | None:
        """End the writers and free the space; return the upload as it was, None if it was cancelled before.

        `own`: what the caller itself sent; its owner sees that somebody else cancelled it, and the reason. Raise
        WrongState while it is being finished.
        """
        upload, _ = await self._active_uploads.load(upload_id, viewer)
        verdict = None
        if reason or not may_access(own, upload.owner, None):
            refusal = CancelledByStation(State.CANCELLED, reason)
            verdict = Verdict(refusal.code, refusal.details())
        return upload if await self._ender.cancel(upload_id, verdict) else None

    async def abandon(self, upload_id: str) -> None:
        """Cancel an upload that no client can resume, unless it is complete. If that fails, it expires later."""
        with suppress(WrongState, UploadGone, BeingFinished, ChangedMeanwhile):
            await self.cancel(upload_id, None)

    async def conclude(self, upload_id: str, viewer: Viewer | None) -> UploadView:
        """Complete an upload whose client says that all bytes were sent; return a rejected one as it is."""

        async def concluded(active: ActiveUpload) -> Upload:
            if active.upload.state in COMPLETE_STATES or active.upload.state is State.REJECTED:
                return active.upload
            return lifecycle.conclude(active.upload, active.received, self._clock(), self.options.limits)

        return await self._lifecycle.change(await self._active_uploads.find(upload_id, viewer), concluded)

    async def reserve_all(self, upload_id: str) -> None:
        """Reserve disk space for all bytes, before they are copied. Raise StorageFull."""
        active = await self._active_uploads.find(upload_id, None)
        writer = await self._store.begin(upload_id, 0, active.upload.length)
        if writer is not None:
            try:
                await self._space.reserve_all(active, writer, active.upload.length or 0)
            finally:
                writer.close()

    def slices_recorded(self, upload_id: str) -> int:
        """Return the number of slices of an upload in memory, else 0."""
        active = self._active_uploads.in_memory(upload_id)
        return 0 if active is None else active.count

    async def adopt(self, upload_id: str, stored: str | None) -> UploadView:
        """Record all bytes, which were copied durably into the partial, or into the object `stored`.

        Raise as `admission.check_record`.
        """
        active = await self._active_uploads.find(upload_id, None)
        assert active.upload.length is not None
        piece = Slice(0, active.upload.length, object=stored)
        admission.check_record(active.upload, active.received, piece)
        await self._lifecycle.record(active, piece)
        return await self._lifecycle.view(active)

    def remaining(self, view: UploadView) -> int:
        """Return the microseconds after which the upload expires if no bytes come."""
        return max(0, (view.expires_at or self._clock()) - self._clock())

    async def close(self) -> None:
        """Refuse new requests, and return when every slice that was read is recorded."""
        await self._tasks.close()
