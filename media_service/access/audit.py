"""Write and read the audit trail: rows of the catalogue, and a line of the log for each.

What changes people, tokens, links and collections inserts its entry in its own transaction (`entry`, then `report`): it
is never done without one. Everything else is noted after it was done, by `note` or `during`. A row that cannot be
written is then logged and refuses nothing: on a full disk, uploads must still be cancelled and rejected files deleted.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from media_service.core.audit import DONE, NO_SUBJECT, Action, Actor, make_entry
from media_service.core.errors.access import Unauthorized
from media_service.core.errors.base import MediaServiceError, ServiceError
from media_service.core.sign_in_failures import SignInFailures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from media_service.core.audit import AuditEntry, AuditFilter, Detail, Subject
    from media_service.core.ports.audit import AuditLog

WINDOW_SECONDS = 60.0
"""Within which the failed sign-ins of one address are one entry."""

T = TypeVar("T")

log = structlog.get_logger()


class AuditTrail:
    """The audit trail of one process.

    `clock` returns UTC microseconds. `log_failure` writes the line of a failed sign-in, and bounds how many there are:
    it gets a key, `account` and `address`.
    """

    def __init__(self, rows: AuditLog, clock: Callable[[], int], log_failure: Callable[..., None]) -> None:
        self._rows = rows
        self._clock = clock
        self._log_failure = log_failure
        self._failures = SignInFailures()

    def entry(
        self,
        actor: Actor,
        action: Action,
        subject: Subject = NO_SUBJECT,
        *,
        outcome: str = DONE,
        details: Mapping[str, Detail] | None = None,
    ) -> AuditEntry:
        """Return an entry of now, for the transaction that does what it says."""
        return make_entry(self._clock(), actor, action, subject, outcome=outcome, details=details)

    def report(self, entry: AuditEntry) -> None:
        """Write the line of an entry into the log."""
        actor, subject = entry.actor, entry.subject
        fields: dict[str, Any] = {"actor": actor.id, "name": actor.name, "token": actor.token, "address": actor.address}
        fields |= {"subject": subject.id, "subject_name": subject.name, "outcome": entry.outcome}
        log.info("audit", action=str(entry.action), **fields, details=dict(entry.details))

    async def note(
        self,
        actor: Actor,
        action: Action,
        subject: Subject = NO_SUBJECT,
        *,
        outcome: str = DONE,
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        """Write the entry of what was done, and its line into the log."""
        entry = self.entry(actor, action, subject, outcome=outcome, details=details)
        self.report(entry)
        await self._add(entry)

    async def during(
        self,
        step: Awaitable[T],
        actor: Actor,
        action: Action,
        subject: Subject = NO_SUBJECT,
        *,
        details: Mapping[str, Detail] | None = None,
    ) -> T:
        """Return the step's result, and note it with what came of it. Raise what the step raises."""
        try:
            result = await step
        except MediaServiceError as error:
            await self.note(actor, action, subject, outcome=error.code, details=details)
            raise
        await self.note(actor, action, subject, details=details)
        return result

    async def sign_in_failed(self, address: str | None, account: Subject = NO_SUBJECT) -> None:
        """Log a failed sign-in, and write its entry or count it.

        `account`: the person of that name. It must be NO_SUBJECT if there is none: people type passwords into the field
        for the name, and these must not be stored.
        """
        self._log_failure(address or "", account=account.name, address=address)
        if self._failures.is_first(address):
            await self._add(self._failure(address, 1, account))

    async def store_failures(self) -> None:
        """Write the entries of the failed sign-ins that were counted since the last call."""
        for found in self._failures.end_window():
            await self._add(self._failure(found.address, found.count))

    async def run(self) -> None:
        """Write these entries once a minute, until cancelled."""
        while True:
            await asyncio.sleep(WINDOW_SECONDS)
            await self.store_failures()

    async def entries(self, wanted: AuditFilter, cursor: str | None, limit: int) -> tuple[list[AuditEntry], str | None]:
        """See `AuditLog.entries`."""
        return await self._rows.entries(wanted, cursor, limit)

    def _failure(self, address: str | None, count: int, account: Subject = NO_SUBJECT) -> AuditEntry:
        actor = Actor(None, address=address)
        details: dict[str, Detail] = {"count": count}
        return self.entry(actor, Action.SIGN_IN_FAILED, account, outcome=Unauthorized.code, details=details)

    async def _add(self, entry: AuditEntry) -> None:
        try:
            await self._rows.add(entry)
        except ServiceError as error:
            log.error("audit entry not stored", action=str(entry.action), error=str(error))
