"""The audit trail over REST, for admins: list, search, export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from media_service.core.access import Scope
from media_service.core.audit import Action, AuditFilter
from media_service.core.errors.base import ServiceError
from media_service.core.errors.requests import Malformed
from media_service.http.api.pagination import MAX_ROWS, page_response
from media_service.http.api.query_values import moment
from media_service.http.api.serializer import API_PREFIX, format_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.access.audit import AuditTrail
    from media_service.core.audit import AuditEntry, Detail
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller

NDJSON = "application/x-ndjson"
QUERY = ("actor", "action", "subject", "q", "from", "to")

log = structlog.get_logger()


class AuditApi:
    """Handle `/api/v1/audit`."""

    def __init__(self, audit: AuditTrail, authenticator: Authenticator) -> None:
        self._audit = audit
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.get(f"{API_PREFIX}/audit", self.listing, allow_head=False)]

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """List the entries that match the query, newest first, or export all of them. Needs scope admin."""
        caller = await self._authenticator.require(request, Scope.ADMIN)
        wanted = _filter(request)
        if _wants_export(request):
            return await self._export(request, caller, wanted)

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            entries, next_cursor = await self._audit.entries(wanted, cursor, limit)
            return map(entry_object, entries), next_cursor

        # A page at once, because a search reads up to 10,000 rows each time.
        return await page_response(request, "entries", read, rows_per_read=MAX_ROWS)

    async def _export(self, request: web.Request, caller: Caller, wanted: AuditFilter) -> web.StreamResponse:
        """Send an object a line, with never more than a page in memory."""
        # Before its own entry, so that a query that is refused leaves none.
        entries, cursor = await self._audit.entries(wanted, None, MAX_ROWS)
        details: dict[str, Detail] = {name: request.query[name] for name in QUERY if name in request.query}
        await self._audit.note(caller.actor, Action.AUDIT_EXPORTED, details=details)
        headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="audit.ndjson"'}
        response = web.StreamResponse(headers=headers)
        response.content_type = NDJSON
        await response.prepare(request)
        try:
            await response.write(_lines(entries))
            while cursor is not None:
                entries, cursor = await self._audit.entries(wanted, cursor, MAX_ROWS)
                await response.write(_lines(entries))
        except ServiceError as error:
            log.warning("export of the audit trail broke off", error=str(error))
            # The status is sent: only a connection that breaks tells the client that lines are missing.
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response


def entry_object(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as JSON."""
    actor, subject = entry.actor, entry.subject
    return {
        "id": entry.id,
        "at": format_time(entry.at),
        "actor": None if actor.id is None else {"id": actor.id, "name": actor.name},
        "token": actor.token,
        "address": actor.address,
        "action": entry.action,
        "subject": None if subject.id is None else {"id": subject.id, "name": subject.name},
        "outcome": entry.outcome,
        "details": dict(entry.details),
    }


def _lines(entries: Iterable[AuditEntry]) -> bytes:
    return b"".join(b"%b\n" % json.dumps(entry_object(entry)).encode() for entry in entries)


def _filter(request: web.Request) -> AuditFilter:
    """Return which entries the query wants. Raise Malformed."""
    query = request.query
    return AuditFilter(
        actor=query.get("actor"),
        action=query.get("action"),
        subject=query.get("subject"),
        since=moment(request.query, "from"),
        until=moment(request.query, "to", whole_day=True),
        search=query.get("q", ""),
    )


def _wants_export(request: web.Request) -> bool:
    """Return whether the client wants all entries as lines. Raise Malformed."""
    wanted = request.query.get("format")
    if wanted not in (None, "json", "ndjson"):
        raise Malformed("format", "must be json or ndjson")
    return wanted == "ndjson" or (wanted is None and NDJSON in request.headers.get("Accept", ""))
