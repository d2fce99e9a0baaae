"""Rejected uploads: into the quarantine with a report, back for another check, or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.uploads import BytesMissing, UnknownUpload
from media_service.core.findings import Finding, finding_of
from media_service.core.upload import Review, Upload, Verdict
from media_service.core.upload_states import Event
from media_service.intake.loading import load_upload
from media_service.intake.topics import CHANGED
from media_service.intake.upload_locks import locked, try_locked, upload_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.core.content import Content
    from media_service.core.errors.base import Refusal
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Slice


class RejectedUploads:
    """Move rejected uploads into quarantine and out of it."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: UploadStore,
        quarantine: Quarantine,
        *,
        locks: Locks,
        bus: Bus,
        clock: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._quarantine = quarantine
        self._locks = locks
        self._bus = bus
        self._clock = clock

    async def take(
        self, upload: Upload, slices: Sequence[Slice], refusal: Refusal, findings: Sequence[Finding]
    ) -> Verdict:
        """Store the received bytes with a report; return the verdict for the upload's row."""
        findings = findings or [finding_of(refusal)]
        verdict = Verdict(refusal.code, refusal.details(), tuple(findings))
        report = {"upload": upload.id, "filename": upload.filename, "code": verdict.code, **verdict.details}
        report |= {"findings": [finding.to_dict_with_message() for finding in findings]}
        stop = max((piece.stop for piece in slices), default=upload.length or 0)
        await self._quarantine.add(upload.id, await self._store.fetch(upload.id, slices, stop), report)
        return verdict

    async def kept_bytes(self, upload_id: str) -> int | None:
        """Return the number of bytes in quarantine, None if they were deleted."""
        return await self._quarantine.size(upload_id)

    async def content(self, upload_id: str) -> Content | None:
        """Return the bytes in quarantine, None if they were deleted."""
        return await self._quarantine.content(upload_id)

    async def recheck(self, upload_id: str, review: Review) -> None:
        """Take a rejected file out of quarantine, to be judged again or accepted as it is.

        Raise UnknownUpload, WrongState, UploadGone, BeingFinished, and BytesMissing if it was rejected before all of
        it came.
        """
        # An upload is saved as rejected before its partial is discarded. Restored in between, the bytes would be
        # discarded too, and the upload would be lost: whatever rejects it has this lock until it is discarded.
        async with locked(self._locks, upload_lock(upload_id)):
            upload, _ = await load_upload(self._catalogue, upload_id)
            again = upload.step(Event.RECHECK, self._clock(), review=review, verdict=None)
            kept = await self._quarantine.size(upload_id)
            if kept is not None and kept != again.length:
                raise BytesMissing(kept)
            try:
                await self._quarantine.restore(upload_id)
            except FileNotFoundError:
                # It was purged, perhaps after `kept`.
                raise UnknownUpload from None
            await self._catalogue.save(again)
        self._bus.publish(CHANGED, upload_id, again.state.value)

    async def forget(self, upload_id: str) -> None:
        """Delete bytes, report and cover of a rejected upload. Raise BeingFinished."""
        async with locked(self._locks, upload_lock(upload_id)):
            await self._quarantine.discard(upload_id)
            await self._catalogue.forget_rejected(upload_id)

    async def forget_deleted(self, upload_id: str) -> None:
        """Delete what the catalogue keeps of a rejected upload if its bytes are gone, unless it is being rechecked."""
        # A recheck links the bytes back before the row says so: without the lock the upload would lose its cover.
        async with try_locked(self._locks, upload_lock(upload_id)) as is_held:
            if is_held and await self._quarantine.size(upload_id) is None:
                await self._catalogue.forget_rejected(upload_id)
