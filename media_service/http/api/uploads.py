"""Uploads over REST: create, list, show, amend, cancel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from media_service.core.access import Scope
from media_service.core.audit import Action, Subject
from media_service.core.digest import parse_digest_field, parse_hex
from media_service.core.errors.requests import Malformed
from media_service.core.lifecycle import UploadRequest
from media_service.core.limits import REASON_CHARACTERS
from media_service.core.text import clean_line
from media_service.core.times import MICROSECONDS
from media_service.core.upload_states import State
from media_service.http.api.caller_collections import Listed, listed_by, upload_origin
from media_service.http.api.chapters import ChapterField, to_chapters
from media_service.http.api.pagination import page_response, rows_response, wants_full_rows
from media_service.http.api.serializer import API_PREFIX, email_for, to_microseconds
from media_service.http.body import Text, read_json
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.access.audit import AuditTrail
    from media_service.access.collections import CollectionService
    from media_service.http.api.serializer import Serializer
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.http.security.guests import GuestGate
    from media_service.intake.uploads import UploadService


class CreateUpload(BaseModel):
    """The body of `POST /uploads`. `length` in bytes, None if not known yet."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filename: Text
    length: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    last_modified: AwareDatetime | None = None
    digest: Text | None = None
    content_hash: Text | None = None
    sender: Text | None = None
    collection: Text | None = None
    email: Text | None = None
    tags: dict[Text, Text] = {}
    chapters: list[ChapterField] = []


class CancelUpload(BaseModel):
    """The body of `DELETE /uploads/{id}`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Text = ""


class AmendUpload(BaseModel):
    """The body of `PATCH /uploads/{id}`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tags: dict[Text, Text] | None = None
    chapters: list[ChapterField] | None = None
    length: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    sender: Text | None = None
    email: Text | None = None

    def removed(self) -> list[str]:
        """Return the details that it removes, by the names that links have for them."""
        title = None if self.tags is None else self.tags.get("title", "")
        details = {"name": self.sender, "email": self.email, "title": title}
        # Cleaned as they will be: a text of invisible characters alone removes a detail too.
        return [name for name, text in details.items() if text is not None and not clean_line(text, name, len(text))]


class UploadsApi:
    """Handle `/api/v1/uploads`, except sending slices, and `/api/v1/limits`."""

    def __init__(
        self,
        intake: UploadService,
        authenticator: Authenticator,
        serializer: Serializer,
        *,
        collections: CollectionService,
        gate: GuestGate,
        audit: AuditTrail,
    ) -> None:
        self._intake = intake
        self._collections = collections
        self._audit = audit
        self._authenticator = authenticator
        self._gate = gate
        self._serializer = serializer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.post(f"{API_PREFIX}/uploads", self.create),
            web.get(f"{API_PREFIX}/uploads", self.listing),
            web.get(f"{API_PREFIX}/uploads/{{id}}", self.show),
            web.patch(f"{API_PREFIX}/uploads/{{id}}", self.amend),
            web.delete(f"{API_PREFIX}/uploads/{{id}}", self.cancel),
            web.get(f"{API_PREFIX}/uploads/{{id}}/slices", self.slices),
            web.get(f"{API_PREFIX}/limits", self.limits),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Create an upload: 201. If a finished one has the same bytes, return it: 200."""
        caller = await self._authenticator.authenticate(request)
        body = await read_json(request, CreateUpload)
        upload_request = UploadRequest(
            filename=body.filename,
            length=body.length,
            last_modified=None if body.last_modified is None else to_microseconds(body.last_modified),
            digest=None if body.digest is None else parse_digest_field(body.digest, "digest"),
            content_hash=None if body.content_hash is None else parse_hex(body.content_hash, "content_hash"),
            sender=body.sender,
            email=body.email,
            tags=body.tags,
            chapters=to_chapters(body.chapters),
            origin=await upload_origin(caller, body.collection, self._collections),
        )
        await self._gate.admit(request, caller, upload_request)
        view, created = await shielded(self._intake.create(upload_request, "native"))
        return web.json_response(
            await self._serializer.upload(view),
            status=201 if created else 200,
            headers={"Location": self._serializer.upload_url(view.upload.id)},
        )

    async def listing(self, request: web.Request) -> web.Response:
        """List the caller's uploads, newest first; those of all owners with `scope=all`, which needs scope read.

        With `collection`, which needs `scope=all`, list those of one. With `content_hash` and `length`, list the one
        finished upload with these bytes for this collection, or none.
        """
        all_owners = request.query.get("scope") == "all"
        caller = await self._authenticator.require(request, Scope.READ if all_owners else Scope.UPLOAD)
        if "content_hash" in request.query:
            origin = await upload_origin(caller, request.query.get("collection"), self._collections)
            known = *_content_query(request), origin.collection
            view = await self._intake.duplicate_of_bytes(caller.listed_owner, *known)
            rows = b"" if view is None else json.dumps(await self._serializer.upload(view)).encode()
            return rows_response(request, "uploads", rows, None)
        try:
            states = [State(name) for name in request.query.get("state", "").split(",") if name]
        except ValueError:
            raise Malformed("state", f"must be one or more of {', '.join(State)}, separated by commas") from None
        if "collection" in request.query and not all_owners:
            raise Malformed("collection", "it needs scope=all")
        listed = await listed_by(request, caller, self._collections) if all_owners else Listed(caller.listed_owner)
        short = not wants_full_rows(request)
        serialize = self._serializer.upload_row if short else self._serializer.upload

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            views, next_cursor = await self._intake.listing(
                listed.owner, states, cursor, limit, collections=listed.collections, short=short
            )
            rows = [await serialize(view) | email_for(caller, view.upload) for view in views]
            return rows, next_cursor

        return await page_response(request, "uploads", read)

    async def show(self, request: web.Request) -> web.Response:
        """Return the upload. The id permits it, except to a person or a guest that may not see the upload.

        `mine` says whether the caller may also change it.
        """
        caller = await self._authenticator.identify(request)
        viewer = caller.viewer(Scope.READ) if caller.is_known else None
        view = await self._intake.show(request.match_info["id"], viewer)
        mine = caller.may_change(view.upload.owner, view.upload.collection)
        body = await self._serializer.upload(view) | {"mine": mine} | email_for(caller, view.upload)
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def amend(self, request: web.Request) -> web.Response:
        """Change tags, chapters, sender or e-mail, or set a length that was not known; return the upload."""
        caller = await self._authenticator.authenticate(request)
        body = await read_json(request, AmendUpload)
        if (removed := body.removed()) and Scope.EDIT not in caller.scopes:
            view = await self._intake.show(request.match_info["id"], caller.viewer(Scope.EDIT))
            await self._gate.check_removal(view.upload, removed)
        amendment = self._intake.edits.amend(
            request.match_info["id"],
            caller.viewer(Scope.EDIT),
            tags=body.tags,
            chapters=None if body.chapters is None else to_chapters(body.chapters),
            length=body.length,
            sender=body.sender,
            email=body.email,
        )
        return web.json_response(await self._serializer.upload(await shielded(amendment)))

    async def limits(self, request: web.Request) -> web.Response:
        """Return the limits; `largest`: what the disk and the caller's quotas have room for now."""
        origin = (await self._authenticator.authenticate(request)).origin
        options = self._intake.options
        limits = options.limits
        largest = await self._intake.largest(origin.account, origin.collection)
        body: dict[str, float] = {"file": limits.file, "largest": largest, "slice": limits.slice}
        body |= {"cover": limits.cover.size, "cover_pixels": limits.cover.pixels}
        body["upload_lifetime"] = options.lifetime.idle / MICROSECONDS
        body["quarantine_lifetime"] = options.quarantine_lifetime
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel the upload: 204. A reason for its owner may be in the body, and needs scope edit."""
        caller = await self._authenticator.authenticate(request)
        reason = ""
        if request.body_exists:
            reason = clean_line((await read_json(request, CancelUpload)).reason, "reason", REASON_CHARACTERS)
        if reason:
            caller = await self._authenticator.require(request, Scope.EDIT)
        await shielded(cancel_and_note(self._intake, self._audit, request.match_info["id"], caller, reason))
        return web.Response(status=204)

    async def slices(self, request: web.Request) -> web.Response:
        """Return the recorded slices, so that a client can check that its file is the same. The id permits it."""
        recorded = await self._intake.slices(request.match_info["id"], None)
        return web.json_response([self._serializer.slice(slice_) for slice_ in recorded])


async def cancel_and_note(
    intake: UploadService, audit: AuditTrail, upload_id: str, caller: Caller, reason: str = ""
) -> None:
    """Cancel the upload; note it unless it was cancelled before: anybody may repeat that without end."""
    upload = await intake.cancel(upload_id, caller.viewer(Scope.EDIT), own=caller.own, reason=reason)
    if upload is not None:
        await audit.note(caller.actor, Action.UPLOAD_CANCELLED, Subject(upload_id, upload.filename))


def _content_query(request: web.Request) -> tuple[bytes, int]:
    """Return the content hash and the length of the query. Raise Malformed."""
    length = request.query.get("length", "")
    if not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise Malformed("length", "must be a number of bytes")
    return parse_hex(request.query["content_hash"], "content_hash"), int(length)
