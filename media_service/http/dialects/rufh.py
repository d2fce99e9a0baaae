"""Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload), under `/rufh/`.

Digests (RFC 9530) are supported although current versions of the draft do not mention them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web

from media_service.core.admission import announced_length
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.limits import FileTooLarge, SliceTooLarge
from media_service.core.errors.requests import Malformed, UnsupportedMediaType
from media_service.core.errors.uploads import (
    DigestMismatch,
    LengthDiffers,
    OffsetMismatch,
    SpanOutside,
    UnknownUpload,
    WrongState,
)
from media_service.core.lifecycle import UploadRequest
from media_service.core.times import MICROSECONDS
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, State
from media_service.http.api.caller_collections import upload_origin
from media_service.http.body import RequestBody, defer_continue, refuse_content_encoding, send_interim_response
from media_service.http.dialects import rufh_fields as fields
from media_service.http.dialects.cancel import cancel_upload
from media_service.http.dialects.header_fields import body_size, parse_collection, refuse_content_range
from media_service.http.problems import method_not_allowed, problem_response
from media_service.http.shielding import shielded, with_verdict
from media_service.intake.receiving.append import AppendRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from media_service.access.audit import AuditTrail
    from media_service.access.collections import CollectionService
    from media_service.http.api.serializer import Serializer
    from media_service.http.loop_budget import LoopBudget
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.guests import GuestGate
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.receiving.append import Appends
    from media_service.intake.uploads import UploadService

DIALECT_NAME = "rufh"
PROBLEMS = "https://iana.org/assignments/http-problem-types#"
# URLs that create an upload, the URL of an upload, and the URL with a file name that `curl -T` uses.
PATHS = ("/rufh", "/rufh/", "/rufh/{id:[A-Za-z0-9_-]{22}}", "/rufh/{name}")
UPLOAD_FIELDS = ("Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Length")


class RufhDialect:
    """Handle `/rufh/`. `verdict_wait_seconds`: for the last response. `interim_responses`: whether to send 104s."""

    def __init__(
        self,
        intake: UploadService,
        appends: Appends,
        authenticator: Authenticator,
        serializer: Serializer,
        *,
        collections: CollectionService,
        gate: GuestGate,
        audit: AuditTrail,
        loop_budget: LoopBudget,
        verdict_wait_seconds: float,
        interim_responses: bool,
    ) -> None:
        self._intake = intake
        self._appends = appends
        self._authenticator = authenticator
        self._gate = gate
        self._audit = audit
        self._serializer = serializer
        self._collections = collections
        self._loop_budget = loop_budget
        self._verdict_wait_seconds = verdict_wait_seconds
        self._interim_responses = interim_responses

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.route("*", path, self.handle, expect_handler=defer_continue) for path in PATHS]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Respond to any request of the protocol."""
        version = fields.interop_version(request)
        try:
            response = await self._dispatch(request, version)
        except MediaServiceError as error:
            response = self._error_response(request, version, error)
        if version.number is not None:
            response.headers[fields.INTEROP_VERSION] = str(version.number)
        return response

    async def _dispatch(self, request: web.Request, version: fields.InteropVersion) -> web.Response:
        handlers = self._handlers(request)
        handler = handlers.get(request.method)
        if handler is not None:
            return await handler(request, version)
        if "name" in request.match_info and request.method != "POST":
            raise UnknownUpload
        return method_not_allowed(request, ", ".join(handlers))

    def _handlers(
        self, request: web.Request
    ) -> dict[str, Callable[[web.Request, fields.InteropVersion], Awaitable[web.Response]]]:
        """Return the handlers of this URL by method."""
        if "id" in request.match_info:
            to_upload = {"HEAD": self.show, "GET": self.show, "PATCH": self.append, "DELETE": self.delete}
            return {"OPTIONS": self.options, **to_upload}
        if "name" in request.match_info:
            return {"OPTIONS": self.options, "PUT": self.create}
        return {"OPTIONS": self.options, "POST": self.create, "PUT": self.create}

    async def options(self, request: web.Request, version: fields.InteropVersion) -> web.Response:
        """Return the limits of a new upload: what the caller's quotas have room for now."""
        origin = (await self._authenticator.identify(request)).origin
        largest = await self._intake.largest(origin.account, origin.collection)
        return web.Response(status=204, headers=self._limit_header(version, largest=largest))

    async def create(self, request: web.Request, version: fields.InteropVersion) -> web.Response:
        """Create an upload, with its first bytes, or with all of them if no field says otherwise."""
        caller, size = await self._authenticator.authenticate(request), body_size(request)
        refuse_content_encoding(request)
        refuse_content_range(request)
        last = fields.is_complete(request, version) is not False
        named = fields.parse_byte_count(request, "Upload-Length")
        length = announced_length(named, size, last=last)
        if length == 0:
            raise Malformed("Upload-Length" if named == 0 else "body", "a file must have at least one byte")
        digest, proof = fields.file_digest(request), fields.content_digest(request)
        upload_request = UploadRequest(
            length=length,
            digest=digest,
            defer_completion=length is None or not version.length_completes,
            origin=await upload_origin(caller, parse_collection(request.headers), self._collections),
            **_file_details(request),
        )
        await self._gate.admit(request, caller, upload_request)
        view, _ = await shielded(self._intake.create(upload_request, DIALECT_NAME))
        upload_id = view.upload.id
        headers = {"Location": self._serializer.location(f"/rufh/{upload_id}")}
        known = await self._send_interim_response(request, version, headers | self._limit_header(version, view))
        first = AppendRequest(0, size, DIALECT_NAME, length=length, last=last, proof=proof, known=known)
        if first.size == 0 and not last:
            return self._progress_response(version, view, 201, headers)
        try:
            return await self._append(request, version, upload_id, first, headers=headers, incomplete_status=201)
        except MediaServiceError as error:
            return self._error_response(request, version, error, headers)

    async def show(self, request: web.Request, version: fields.InteropVersion) -> web.Response:
        """Return the offset."""
        if version.strict_head and any(name in request.headers for name in UPLOAD_FIELDS):
            raise Malformed("Upload-Offset", "not allowed in a request for the offset")
        return self._progress_response(version, await self._appends.standing(request.match_info["id"], None), 204, {})

    async def append(self, request: web.Request, version: fields.InteropVersion) -> web.Response:
        """Append the body at Upload-Offset. The id permits it."""
        upload_id, size = request.match_info["id"], body_size(request)
        refuse_content_encoding(request)
        if version.append_media_type is not None and request.content_type != version.append_media_type:
            raise UnsupportedMediaType(version.append_media_type)
        offset, last = fields.parse_byte_count(request, "Upload-Offset"), fields.is_complete(request, version)
        if offset is None or last is None:
            name = "Upload-Offset" if offset is None else version.complete_field
            raise Malformed(name, "missing or not a valid structured field")
        stop = None if size is None else offset + size
        length = announced_length(fields.parse_byte_count(request, "Upload-Length"), stop, last=last)
        proof, status = fields.content_digest(request), version.append_status
        addition = AppendRequest(offset, size, DIALECT_NAME, length=length, last=last, proof=proof)
        return await self._append(request, version, upload_id, addition, headers={}, incomplete_status=status)

    async def delete(self, request: web.Request, _version: fields.InteropVersion) -> web.Response:
        """Cancel the upload. A finished file cannot be cancelled."""
        return await cancel_upload(request, self._authenticator, self._appends, self._intake, self._audit)

    async def _append(
        self,
        request: web.Request,
        version: fields.InteropVersion,
        upload_id: str,
        addition: AppendRequest,
        *,
        headers: Mapping[str, str],
        incomplete_status: int,
    ) -> web.Response:
        """Receive the body. Respond with `incomplete_status`, or after the last byte with the upload."""

        async def progress(offset: int) -> None:
            if version.sends_progress:
                await self._send_interim_response(request, version, {"Upload-Offset": str(offset)})

        append = self._appends.append(upload_id, None, addition, RequestBody(request, self._loop_budget), progress)
        try:
            view = await shielded(append)
        except SpanOutside:
            # Required by the draft: an upload with more bytes than its length cannot be trusted.
            await shielded(self._intake.abandon(upload_id))
            raise
        if view.upload.state is State.RECEIVING:
            return self._progress_response(version, view, incomplete_status, headers)
        try:
            view = await with_verdict(self._intake, view, self._verdict_wait_seconds)
        except MediaServiceError as verdict:
            return self._error_response(request, version, verdict, headers, whole=True)
        upload = view.upload
        return web.json_response(
            await self._serializer.upload(view),
            status=202 if upload.state in FINISHING else 201,
            headers={
                "Location": self._serializer.upload_url(upload.id),
                "Upload-Offset": str(view.received.offset),
                **fields.complete_header(version, whole=True),
                **(fields.repr_digest_header(upload.facts.sha256) if upload.facts is not None else {}),
            },
        )

    def _progress_response(
        self, version: fields.InteropVersion, view: UploadView, status: int, headers: Mapping[str, str]
    ) -> web.Response:
        """Return a response with the offset, length and limits of the upload."""
        length = view.upload.length
        return web.Response(
            status=status,
            headers={
                **headers,
                "Cache-Control": "no-store",
                "Upload-Offset": str(view.received.offset),
                **({} if length is None else {"Upload-Length": str(length)}),
                **fields.complete_header(version, whole=view.upload.state in COMPLETE_STATES),
                **self._limit_header(version, view),
            },
        )

    def _limit_header(
        self, version: fields.InteropVersion, view: UploadView | None = None, *, largest: int | None = None
    ) -> dict[str, str]:
        """Return the limits of an upload. Those of one that exists are the service's: they must not shrink."""
        limits, lifetime = self._intake.options.limits, self._intake.options.lifetime
        remaining = min(lifetime.idle, lifetime.whole) if view is None else self._intake.remaining(view)
        return fields.limit_header(version, limits.file if largest is None else largest, remaining // MICROSECONDS)

    async def _send_interim_response(
        self, request: web.Request, version: fields.InteropVersion, headers: Mapping[str, str]
    ) -> bool:
        """Send a 104 if it is enabled and the client sent its interop version. Return whether it was sent."""
        silent = not self._interim_responses or version.number is None or request.version < HttpVersion11
        if silent or request.transport is None or request.transport.is_closing():
            return False
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, fields.INTEROP_VERSION: version.number}.items()]
        message = f"HTTP/1.1 104 Upload Resumption Supported\r\n{''.join(lines)}\r\n"
        await send_interim_response(request, message.encode())
        return True

    def _error_response(
        self,
        request: web.Request,
        version: fields.InteropVersion,
        error: MediaServiceError,
        headers: Mapping[str, str] | None = None,
        *,
        whole: bool = False,
    ) -> web.Response:
        """Return an error. `whole`: the complete file was rejected, so the client must send no more."""
        response_headers: dict[str, str] = {**(headers or {}), **fields.complete_header(version, whole=whole)}
        members: dict[str, Any] = {}
        if isinstance(error, OffsetMismatch):
            response_headers["Upload-Offset"] = str(error.offset)
            members = {"type": f"{PROBLEMS}mismatching-upload-offset"}
            members |= {"expected-offset": error.offset, "provided-offset": error.provided}
        elif isinstance(error, LengthDiffers):
            members = {"type": f"{PROBLEMS}inconsistent-upload-length"}
        elif isinstance(error, FileTooLarge | SliceTooLarge):
            response_headers |= self._limit_header(version)
        elif isinstance(error, DigestMismatch) and not whole:
            members = {"status": 400}
        elif isinstance(error, WrongState) and error.state == State.REJECTED:
            # Not 409: clients retry after it.
            members = {"status": 410}
        return problem_response(error, self._serializer.base, request.path, headers=response_headers, **members)


def _file_details(request: web.Request) -> dict[str, Any]:
    """Return the file's details from the fields; a missing file name is taken from the URL. Raise Malformed."""
    details = fields.parse_file_fields(request)
    return details | {"filename": details["filename"] or request.match_info.get("name", "")}
