"""Reject uploads as soon as their first bytes show that they will be rejected."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from media_service.core import lifecycle
from media_service.core.errors.base import MediaServiceError
from media_service.core.findings import refusal_of
from media_service.core.upload import ranges_of
from media_service.core.upload_states import Event, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.core.findings import Finding
    from media_service.core.ports.media import Media
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Slice, Upload
    from media_service.intake.ending import UploadEnder
    from media_service.intake.finalizing.rejected import RejectedUploads

log = structlog.get_logger()


class EarlyRejection:
    """Ends receiving uploads that the read-ahead has found to be no acceptable MP3."""

    def __init__(
        self, store: UploadStore, media: Media, rejected: RejectedUploads, ender: UploadEnder, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._media = media
        self._rejected = rejected
        self._ender = ender
        self._clock = clock

    async def run(self) -> None:
        """Reject until cancelled, several at a time: each waits for its writers to end."""
        async with asyncio.TaskGroup() as group:
            async for upload_id, findings in self._media.early_rejections():
                group.create_task(self._reject(upload_id, findings))

    async def _reject(self, upload_id: str, findings: Sequence[Finding]) -> None:
        async def rejected(upload: Upload, slices: Sequence[Slice]) -> Upload | None:
            refusal, received = refusal_of(findings), ranges_of(slices)
            if refusal is None or upload.state is not State.RECEIVING or lifecycle.is_complete(upload, received):
                return None
            # Keep what came, without the reserved space after it.
            await self._store.trim(upload_id, max((span.stop for span in received), default=0))
            verdict = await self._rejected.take(upload, slices, refusal, findings)
            return upload.step(Event.REJECT, self._clock(), verdict=verdict)

        try:
            if await self._ender.end(upload_id, rejected):
                log.info("rejected early", upload=upload_id)
        except (MediaServiceError, OSError) as trouble:
            # It is rejected when it is complete.
            log.warning("an upload was not rejected early", upload=upload_id, trouble=str(trouble))
        except Exception:
            # The top of a task: without this, one bug would end the group.
            log.exception("an upload was not rejected early", upload=upload_id)
        finally:
            self._media.forget(upload_id)
