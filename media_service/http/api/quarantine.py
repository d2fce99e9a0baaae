"""Rejected files over REST, for the admin: list, download, recheck, force, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web

from media_service.core.access import Scope
from media_service.core.audit import Action, Subject
from media_service.core.errors.uploads import UnknownUpload
from media_service.core.times import MICROSECONDS
from media_service.core.upload import Review
from media_service.core.upload_states import State
from media_service.http.api.caller_collections import listed_by
from media_service.http.api.pagination import page_response, wants_full_rows
from media_service.http.api.serializer import API_PREFIX, email_for, format_time
from media_service.http.content_response import content_response
from media_service.http.file_response import attachment_headers
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.access.audit import AuditTrail
    from media_service.access.collections import CollectionService
    from media_service.core.upload import Upload
    from media_service.http.api.serializer import Serializer
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.intake.finalizing.rejected import RejectedUploads
    from media_service.intake.uploads import UploadService

VERDICT_WAIT_SECONDS = 5.0


class QuarantineApi:
    """Handle `/api/v1/quarantine`."""

    def __init__(
        self,
        intake: UploadService,
        rejected: RejectedUploads,
        authenticator: Authenticator,
        serializer: Serializer,
        audit: AuditTrail,
        *,
        collections: CollectionService,
    ) -> None:
        self._intake = intake
        self._collections = collections
        self._rejected = rejected
        self._audit = audit
        self._authenticator = authenticator
        self._serializer = serializer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.get(f"{API_PREFIX}/quarantine", self.listing),
            web.get(f"{API_PREFIX}/quarantine/{{id}}/content", self.content),
            web.post(f"{API_PREFIX}/quarantine/{{id}}/recheck", self.recheck),
            web.post(f"{API_PREFIX}/quarantine/{{id}}/force", self.force),
            web.delete(f"{API_PREFIX}/quarantine/{{id}}", self.delete),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List rejected uploads that the caller may see, of `collection` if given, newest first.

        `kept_bytes` and `kept_until` are null after the bytes were deleted.
        """
        caller = await self._authenticator.require(request, Scope.READ)
        listed = await listed_by(request, caller, self._collections)
        short = not wants_full_rows(request)
        serialize = self._serializer.upload_row if short else self._serializer.upload

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            views, next_cursor = await self._intake.listing(
                listed.owner, {State.REJECTED}, cursor, limit, collections=listed.collections, short=short
            )
            kept = [await self._kept(view.upload) for view in views]
            rows = [
                await serialize(view) | email_for(caller, view.upload) | members
                for view, members in zip(views, kept, strict=True)
            ]
            return rows, next_cursor

        return await page_response(request, "uploads", read)

    async def content(self, request: web.Request) -> web.StreamResponse:
        """Return the received bytes, as an attachment of no type."""
        _, upload = await self._find(request, Scope.READ)
        headers = attachment_headers("application/octet-stream", f"filename*=UTF-8''{quote(upload.filename, safe='')}")
        stored = await self._rejected.content(upload.id)
        if stored is None:
            raise UnknownUpload
        try:
            return await content_response(request, stored, headers)
        except FileNotFoundError:
            raise UnknownUpload from None

    async def recheck(self, request: web.Request) -> web.Response:
        """Check the file again with the current severities."""
        return await self._recheck(request, Review.AGAIN)

    async def force(self, request: web.Request) -> web.Response:
        """Move the file into the spool, whatever its findings."""
        return await self._recheck(request, Review.FORCED)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete the bytes and the report."""
        caller, upload = await self._find(request, Scope.EDIT)
        deletion = self._rejected.forget(upload.id)
        await shielded(self._audit.during(deletion, caller.actor, Action.QUARANTINE_DELETED, _subject_of(upload)))
        return web.Response(status=204)

    async def _recheck(self, request: web.Request, review: Review) -> web.Response:
        caller = await self._authenticator.require(request, Scope.EDIT)
        upload = (await self._intake.show(request.match_info["id"], caller.viewer(Scope.EDIT))).upload
        action = Action.QUARANTINE_FORCED if review is Review.FORCED else Action.QUARANTINE_RECHECKED
        recheck = self._rejected.recheck(upload.id, review)
        # Cancelled between the row and the queue, it would be finished only after the next start.
        await shielded(self._audit.during(recheck, caller.actor, action, _subject_of(upload)))
        view = await self._intake.wait_for_verdict(upload.id, VERDICT_WAIT_SECONDS)
        return web.json_response(await self._serializer.upload(view))

    async def _kept(self, upload: Upload) -> dict[str, Any]:
        """Return how many bytes are kept, and until when at least."""
        size = await self._rejected.kept_bytes(upload.id)
        until = upload.updated_at + int(self._intake.options.quarantine_lifetime * MICROSECONDS)
        return {"kept_bytes": size, "kept_until": None if size is None else format_time(until)}

    async def _find(self, request: web.Request, scope: Scope) -> tuple[Caller, Upload]:
        """Return the caller, and a rejected upload that still has its bytes.

        Raise UnknownUpload, and as `Authenticator.require`.
        """
        caller = await self._authenticator.require(request, scope)
        view = await self._intake.show(request.match_info["id"], caller.viewer(scope))
        if view.upload.state is not State.REJECTED or await self._rejected.kept_bytes(view.upload.id) is None:
            raise UnknownUpload
        return caller, view.upload


def _subject_of(upload: Upload) -> Subject:
    """Return the upload as the audit trail names it."""
    return Subject(upload.id, upload.filename)
