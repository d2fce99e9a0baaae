"""tus 1.0 (https://tus.io/protocols/resumable-upload), under `/tus/`.

All extensions but checksum-trailer: aiohttp does not expose trailers of requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.concatenation import CONCAT, FINAL, PARTIAL
from media_service.core.digest import ALGORITHMS
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.requests import Malformed, UnsupportedMediaType, UnsupportedVersion
from media_service.core.errors.uploads import DigestMismatch, NotWritable, OffsetMismatch, SpanOutside, WrongState
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload_states import State
from media_service.http.api.caller_collections import upload_origin
from media_service.http.body import RequestBody, defer_continue, refuse_content_encoding
from media_service.http.dialects.cancel import cancel_upload
from media_service.http.dialects.header_fields import (
    UPLOAD_METADATA,
    body_size,
    http_date,
    parse_byte_count,
    parse_checksum,
    parse_collection,
    parse_file_details,
    refuse_content_range,
)
from media_service.http.problems import method_not_allowed, problem_response
from media_service.http.shielding import shielded, with_verdict
from media_service.intake.receiving.append import AppendRequest

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.access.collections import CollectionService
    from media_service.core.digest import Proof
    from media_service.http.api.serializer import Serializer
    from media_service.http.loop_budget import LoopBudget
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.http.security.guests import GuestGate
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.receiving.append import Appends
    from media_service.intake.receiving.concatenate import Concatenator
    from media_service.intake.uploads import UploadService

DIALECT_NAME = "tus"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation"
MEDIA_TYPE = "application/offset+octet-stream"
OVERRIDABLE = ("PATCH", "DELETE", "HEAD")
CHECKSUM_MISMATCH = 460


class TusDialect:
    """Handle `/tus/`. `verdict_wait_seconds`: how long the last response waits for the verdict on the file."""

    def __init__(
        self,
        intake: UploadService,
        appends: Appends,
        concatenator: Concatenator,
        authenticator: Authenticator,
        serializer: Serializer,
        *,
        collections: CollectionService,
        gate: GuestGate,
        audit: AuditTrail,
        loop_budget: LoopBudget,
        verdict_wait_seconds: float,
    ) -> None:
        self._intake = intake
        self._appends = appends
        self._concatenator = concatenator
        self._authenticator = authenticator
        self._gate = gate
        self._audit = audit
        self._serializer = serializer
        self._collections = collections
        self._loop_budget = loop_budget
        self._verdict_wait_seconds = verdict_wait_seconds

    def routes(self) -> list[web.RouteDef]:
        """Return the routes: one handler for all methods, because a 405 must have Tus-Resumable too."""
        return [
            web.route("*", path, self.handle, expect_handler=defer_continue) for path in ("/tus", "/tus/", "/tus/{id}")
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Respond to any request of the protocol."""
        try:
            response = await self._dispatch(request)
        except MediaServiceError as error:
            response = self._error_response(request, error)
        response.headers["Tus-Resumable"] = VERSION
        return response

    async def _dispatch(self, request: web.Request) -> web.Response:
        method = request.method
        if method == "POST":
            method = request.headers.get("X-HTTP-Method-Override", method)
            if method != "POST" and method not in OVERRIDABLE:
                raise Malformed("X-HTTP-Method-Override", f"must be one of {', '.join(OVERRIDABLE)}")
        handler = {
            ("OPTIONS", False): self.options,
            ("OPTIONS", True): self.options,
            ("POST", False): self.create,
            ("HEAD", True): self.head,
            ("PATCH", True): self.patch,
            ("DELETE", True): self.delete,
        }.get((method, "id" in request.match_info))
        if handler is None:
            return method_not_allowed(request, "OPTIONS, POST, HEAD, PATCH, DELETE")
        self._check_version(request, method)
        return await handler(request)

    def _check_version(self, request: web.Request, method: str) -> None:
        """Raise UnsupportedVersion. Clients may omit the version in HEAD and OPTIONS."""
        version = request.headers.get("Tus-Resumable", VERSION if method == "HEAD" else "")
        if method != "OPTIONS" and version != VERSION:
            raise UnsupportedVersion(f"tus {VERSION}")

    async def options(self, request: web.Request) -> web.Response:
        """Return version, extensions and limits; the maximum size is what the caller's quotas have room for now."""
        origin = (await self._authenticator.identify(request)).origin
        largest = await self._intake.largest(origin.account, origin.collection)
        return web.Response(
            status=204,
            headers={
                "Tus-Version": VERSION,
                "Tus-Extension": EXTENSIONS,
                "Tus-Max-Size": str(largest),
                "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
            },
        )

    async def create(self, request: web.Request) -> web.Response:
        """Create an upload; receive its first bytes if the request has a body (creation-with-upload)."""
        caller = await self._authenticator.authenticate(request)
        refuse_content_range(request)
        concat = request.headers.get("Upload-Concat", "")
        if concat.startswith(FINAL) and concat.isascii():
            return await self._concatenate(request, caller, concat)
        if concat not in ("", PARTIAL):
            raise Malformed("Upload-Concat", "must be partial, or final; followed by the URLs of the partial uploads")
        upload_request = await self._upload_request(request, caller, _length(request), concat)
        await self._admit(request, caller, upload_request)
        with_bytes = request.content_type == MEDIA_TYPE and body_size(request) != 0
        proof = self._body_checksum(request) if with_bytes else None
        view, _ = await shielded(self._intake.create(upload_request, DIALECT_NAME))
        headers = {"Location": self._upload_url(view)}
        if with_bytes:
            first = AppendRequest(0, body_size(request), DIALECT_NAME, proof=proof, known=False)
            try:
                view = await self._append(request, view.upload.id, first)
            except MediaServiceError as error:
                return self._error_response(request, error, headers)
            headers["Upload-Offset"] = str(view.received.offset)
        return web.Response(status=201, headers=headers | self._progress_headers(view))

    async def head(self, request: web.Request) -> web.Response:
        """Return the offset. The id permits it: clients start over when they get a 401 here."""
        view = await self._appends.standing(request.match_info["id"], None)
        upload, stored_fields = view.upload, view.upload.protocol_fields or {}
        headers = {"Upload-Offset": str(view.received.offset), "Cache-Control": "no-store"}
        if upload.length is None:
            headers["Upload-Defer-Length"] = "1"
        else:
            headers["Upload-Length"] = str(upload.length)
        if "metadata" in stored_fields:
            headers[UPLOAD_METADATA] = stored_fields["metadata"]
        if CONCAT in stored_fields:
            headers["Upload-Concat"] = stored_fields[CONCAT]
        return web.Response(headers=headers | self._progress_headers(view))

    async def patch(self, request: web.Request) -> web.Response:
        """Append the body at Upload-Offset. The id permits it."""
        if request.content_type != MEDIA_TYPE:
            raise UnsupportedMediaType(MEDIA_TYPE)
        offset = parse_byte_count(request.headers, "Upload-Offset")
        if offset is None:
            raise Malformed("Upload-Offset", "missing")
        length, proof = parse_byte_count(request.headers, "Upload-Length"), self._body_checksum(request)
        addition = AppendRequest(offset, body_size(request), DIALECT_NAME, length=length, proof=proof)
        view = await self._append(request, request.match_info["id"], addition)
        headers = {"Upload-Offset": str(view.received.offset)}
        return web.Response(status=204, headers=headers | self._progress_headers(view))

    async def delete(self, request: web.Request) -> web.Response:
        """Cancel the upload. A finished file cannot be cancelled."""
        return await cancel_upload(request, self._authenticator, self._appends, self._intake, self._audit)

    async def _concatenate(self, request: web.Request, caller: Caller, concat: str) -> web.Response:
        """Create an upload from the bytes of partial uploads, in the listed order (concatenation)."""
        if "Upload-Length" in request.headers:
            raise Malformed("Upload-Length", "not allowed for a final upload, whose length is the sum of its parts")
        if body_size(request) != 0:
            raise NotWritable
        parts = [url.rstrip("/").rpartition("/")[2] for url in concat.removeprefix(FINAL).split()]
        upload_request = await self._upload_request(request, caller, None, concat)
        await self._admit(request, caller, upload_request)
        view = await shielded(self._concatenator.concatenate(upload_request, parts, caller.own, DIALECT_NAME))
        headers = {"Location": self._upload_url(view)}
        try:
            view = await with_verdict(self._intake, view, self._verdict_wait_seconds)
        except MediaServiceError as error:
            return self._error_response(request, error, headers)
        return web.Response(status=201, headers=headers | self._progress_headers(view))

    async def _upload_request(
        self, request: web.Request, caller: Caller, length: int | None, concat: str
    ) -> UploadRequest:
        """Return the upload request for these fields. Raise Malformed, UnknownCollection."""
        metadata = request.headers.get(UPLOAD_METADATA)
        protocol_fields = ({} if metadata is None else {"metadata": metadata}) | ({CONCAT: concat} if concat else {})
        return UploadRequest(
            length=length,
            defer_completion=concat == PARTIAL,
            protocol_fields=protocol_fields or None,
            origin=await upload_origin(caller, parse_collection(request.headers), self._collections),
            **parse_file_details(metadata or ""),
        )

    async def _admit(self, request: web.Request, caller: Caller, upload_request: UploadRequest) -> None:
        """Raise as `GuestGate.admit`."""
        if upload_request.defer_completion:
            # A partial upload is no file yet: clients send the details with the final one.
            link = await self._gate.open_link(caller)
            if link is not None:
                await self._gate.check_passphrase(request, link)
        else:
            await self._gate.admit(request, caller, upload_request)

    async def _append(self, request: web.Request, upload_id: str, addition: AppendRequest) -> UploadView:
        append = self._appends.append(upload_id, None, addition, RequestBody(request, self._loop_budget))
        return await with_verdict(self._intake, await shielded(append), self._verdict_wait_seconds)

    def _body_checksum(self, request: web.Request) -> Proof | None:
        refuse_content_encoding(request)
        value = request.headers.get("Upload-Checksum")
        return None if value is None else parse_checksum(value)

    def _upload_url(self, view: UploadView) -> str:
        return self._serializer.location(f"/tus/{view.upload.id}")

    def _progress_headers(self, view: UploadView) -> dict[str, str]:
        """Return Upload-Expires of an unfinished upload, or Upload-Result of a complete one."""
        if view.expires_at is not None:
            return {"Upload-Expires": http_date(view.expires_at)}
        return {"Upload-Result": f'"{self._serializer.upload_url(view.upload.id)}";state={view.upload.state}'}

    def _error_response(
        self, request: web.Request, error: MediaServiceError, headers: dict[str, str] | None = None
    ) -> web.Response:
        """Return an error with the status codes of tus."""
        headers, status = headers or {}, {}
        if isinstance(error, OffsetMismatch):
            headers["Upload-Offset"] = str(error.offset)
        elif isinstance(error, UnsupportedVersion):
            headers["Tus-Version"] = VERSION
        elif isinstance(error, DigestMismatch):
            status["status"] = CHECKSUM_MISMATCH
        elif isinstance(error, SpanOutside):
            status["status"] = 413
        elif isinstance(error, WrongState):
            # Not 409: clients retry after it.
            status["status"] = 410 if error.state == State.REJECTED else 403
        response = problem_response(error, self._serializer.base, request.path, headers=headers, **status)
        if response.status == CHECKSUM_MISMATCH:
            response.set_status(CHECKSUM_MISMATCH, "Checksum Mismatch")
        return response


def _length(request: web.Request) -> int | None:
    """Return the announced length in bytes, None if it is deferred. Raise Malformed."""
    deferred, length = request.headers.get("Upload-Defer-Length"), parse_byte_count(request.headers, "Upload-Length")
    if (deferred is None) == (length is None) or deferred not in (None, "1"):
        raise Malformed("Upload-Length", "send either Upload-Length or Upload-Defer-Length: 1")
    if length == 0:
        raise Malformed("Upload-Length", "a file must have at least one byte")
    return length
