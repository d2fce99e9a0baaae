"""Rejected uploads: into the quarantine with a report, back for another check, or deleted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.core.errors.uploads import BytesMissing, UnknownUpload
from media_service.core.findings import Finding, finding_of
from media_service.core.upload import Review, Upload, Verdict
from media_service.core.upload_states import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from media_service.core.errors.base import Refusal
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.partials import Partials
    from media_service.core.ports.quarantine import Quarantine
    from media_service.intake.finalizing.queue import FinalizeQueue

MAX_WAIT_SECONDS = 20.0
"""Maximum wait for the attempt that rejects the upload. Clients give up after 30 s and try again."""


class RejectedUploads:
    """Move rejected uploads into quarantine and out of it."""

    def __init__(
        self,
        catalogue: Catalogue,
        partials: Partials,
        quarantine: Quarantine,
        *,
        clock: Callable[[], int],
        queue: FinalizeQueue,
    ) -> None:
        self._catalogue = catalogue
        self._partials = partials
        self._quarantine = quarantine
        self._clock = clock
        self._queue = queue
        self._reviewing = asyncio.Lock()

    async def take(self, upload: Upload, refusal: Refusal, findings: Sequence[Finding]) -> Verdict:
        """Store the received bytes with a report; return the verdict for the upload's row."""
        findings = findings or [finding_of(refusal)]
        verdict = Verdict(refusal.code, refusal.details(), tuple(findings))
        report = {"upload": upload.id, "filename": upload.filename, "code": verdict.code, **verdict.details}
        report |= {"findings": [finding.to_dict_with_message() for finding in findings]}
        await self._quarantine.add(upload.id, self._partials.path(upload.id), report)
        return verdict

    async def kept_bytes(self, upload_id: str) -> int | None:
        """Return the number of bytes in quarantine, None if they were deleted."""
        return await self._quarantine.size(upload_id)

    def path(self, upload_id: str) -> Path:
        """Return where to read the bytes in quarantine."""
        return self._quarantine.path(upload_id)

    async def recheck(self, upload_id: str, review: Review) -> None:
        """Take a rejected file out of quarantine, to be judged again or accepted as it is.

        Raise UnknownUpload, WrongState, UploadGone, BeingFinished, and BytesMissing if it was rejected before all of
        it came.
        """
        async with self._reviewing:
            loaded = await self._catalogue.load(upload_id)
            if loaded is None:
                raise UnknownUpload
            again = loaded[0].step(Event.RECHECK, self._clock(), review=review, verdict=None)
            # An upload is saved as rejected before its partial is discarded. Restored in between, the bytes would be
            # discarded too, and the upload would be lost.
            async with self._queue.paused(upload_id, MAX_WAIT_SECONDS):
                kept = await self._quarantine.size(upload_id)
                if kept is not None and kept != again.length:
                    raise BytesMissing(kept)
                try:
                    await self._quarantine.restore(upload_id, self._partials.path(upload_id))
                except FileNotFoundError:
                    # It was purged, perhaps after `kept`.
                    raise UnknownUpload from None
                again = await self._catalogue.save(again)
        self._queue.enqueue(again)

    async def forget(self, upload_id: str) -> None:
        """Delete bytes, report and cover of a rejected upload."""
        async with self._reviewing:
            await self._quarantine.discard(upload_id)
            await self._catalogue.forget_cover(upload_id)
