"""Remove what time and crashes leave: idle uploads, old quarantine, trash and audit entries, files of a dead process.

And look at which files their readers have taken.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from media_service.core import expiry
from media_service.core.errors.base import ServiceError
from media_service.core.times import MICROSECONDS
from media_service.core.upload_states import FINISHING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from media_service.core.ports.audit import AuditLog
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.upload_store import UploadStore
    from media_service.core.upload import Upload
    from media_service.intake.ending import UploadEnder
    from media_service.intake.finalizing.rejected import RejectedUploads
    from media_service.intake.leftovers import Leftovers
    from media_service.intake.options import IntakeOptions
    from media_service.intake.taken import TakenFiles
    from media_service.intake.trash import Trash

log = structlog.get_logger()

EXPIRE_BATCH = 256
"""Uploads that expire at once: their rows share a transaction, and so one sync."""


class Sweeper:
    """Expires uploads, purges quarantine, trash and audit trail, finds taken files, and clears `leftovers`.

    `every`: seconds between two rounds.
    """

    def __init__(
        self,
        ender: UploadEnder,
        catalogue: Catalogue,
        store: UploadStore,
        quarantine: Quarantine,
        audit: AuditLog,
        *,
        rejected: RejectedUploads,
        leftovers: Leftovers,
        trash: Trash,
        taken: TakenFiles,
        clock: Callable[[], int],
        options: IntakeOptions,
        every: float,
    ) -> None:
        self._ender = ender
        self._catalogue = catalogue
        self._store = store
        self._quarantine = quarantine
        self._audit = audit
        self._rejected = rejected
        self._clock = clock
        self._lifetime = options.lifetime
        self._quarantine_lifetime = int(options.quarantine_lifetime * MICROSECONDS)
        self._audit_lifetime = int(options.audit_lifetime * MICROSECONDS)
        self._leftovers = leftovers
        self._trash = trash
        self._taken = taken
        self._every = every

    async def run(self) -> None:
        """Sweep until cancelled."""
        # First, because a finisher that died may have left something.
        await self._try(self._leftovers.clear)
        while True:
            await asyncio.sleep(self._every)
            await self._try(self.expire)
            await self._try(self.purge_audit)
            await self._try(self._leftovers.clear)
            await self._try(self._trash.purge_old)
            await self._try(self._taken.look)
            await self._try(self._store.clear_abandoned)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except (ServiceError, OSError) as error:
            log.warning("sweeping failed and is retried", error=str(error))
        except Exception:
            # The top of a task: if it ended, nothing would expire until the next start.
            log.exception("sweeping failed and is retried")

    async def expire(self) -> None:
        """End idle uploads and failed ones past their lifetime; purge the quarantine."""
        now, lifetime = self._clock(), self._lifetime
        expiring = await self._catalogue.expiring(now - lifetime.idle, now - lifetime.whole)
        failed = [upload for upload in await self._catalogue.in_state(FINISHING) if upload.finalize_failed]
        due = [*expiring, *(upload for upload in failed if expiry.deadline_at(upload, lifetime) < now)]
        for first in range(0, len(due), EXPIRE_BATCH):
            await self._expire_together(due[first : first + EXPIRE_BATCH])
        for upload_id in await self._quarantine.purge(now - self._quarantine_lifetime):
            await self._rejected.forget_deleted(upload_id)
            log.info("removed from quarantine", upload=upload_id)
        await self.forget_deleted()

    async def forget_deleted(self) -> None:
        """Count no more what was deleted from the quarantine by hand, or by a process that died after deleting."""
        for upload_id in await self._catalogue.charged_in_quarantine():
            if await self._quarantine.size(upload_id) is None:
                await self._rejected.forget_deleted(upload_id)

    async def purge_audit(self) -> None:
        """Delete the entries of the audit trail that are older than its lifetime."""
        if deleted := await self._audit.delete_before(self._clock() - self._audit_lifetime):
            log.info("deleted from the audit trail", entries=deleted)

    async def _expire_together(self, due: Sequence[Upload]) -> None:
        """End these uploads. Raise the first error after all were tried."""
        outcomes = await asyncio.gather(
            *(self._ender.expire(upload.id, self._lifetime) for upload in due), return_exceptions=True
        )
        for upload, outcome in zip(due, outcomes, strict=True):
            if outcome is True:
                log.info("expired", upload=upload.id)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
