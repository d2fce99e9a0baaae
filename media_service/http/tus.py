"""tus 1.0 (https://tus.io/protocols/resumable-upload), under `/tus/`.

Core, creation, creation-with-upload, creation-defer-length, checksum, expiration, termination and concatenation.
Not checksum-trailer: aiohttp does not show a request's trailers.
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
from media_service.http.body import expect_later, raw_blocks, refuse_coding
from media_service.http.fields import (
    METADATA,
    body_size,
    checksum,
    described,
    http_date,
    number,
    refuse_range,
)
from media_service.http.peer import peer_address
from media_service.http.problems import method_not_allowed, refuse
from media_service.http.steps import unbroken, with_verdict
from media_service.intake.receiving.append import AppendRequest

if TYPE_CHECKING:
    from media_service.core.digest import Proof
    from media_service.http.auth import Gate
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.receiving.append import Appends
    from media_service.intake.receiving.concatenate import Concatenator
    from media_service.intake.uploads import UploadService

DIALECT = "tus"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation"
MEDIA_TYPE = "application/offset+octet-stream"
OVERRIDABLE = ("PATCH", "DELETE", "HEAD")
CHECKSUM_MISMATCH = 460


class TusDialect:
    """`wait` is how many seconds the last answer waits for the verdict on the file."""

    def __init__(
        self,
        intake: UploadService,
        appends: Appends,
        concatenator: Concatenator,
        gate: Gate,
        shapes: Shapes,
        *,
        turns: Turns,
        wait: float,
    ) -> None:
        self._intake = intake
        self._appends = appends
        self._concatenator = concatenator
        self._gate = gate
        self._shapes = shapes
        self._turns = turns
        self._wait = wait

    def routes(self) -> list[web.RouteDef]:
        """What this file answers. One door for every method: each answer, a 405 too, must carry Tus-Resumable."""
        return [
            web.route("*", path, self.answer, expect_handler=expect_later) for path in ("/tus", "/tus/", "/tus/{id}")
        ]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request of the protocol."""
        try:
            answer = await self._answer(request)
        except MediaServiceError as error:
            answer = self._refused(request, error)
        answer.headers["Tus-Resumable"] = VERSION
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.method
        if method == "POST":
            method = request.headers.get("X-HTTP-Method-Override", method)
            if method != "POST" and method not in OVERRIDABLE:
                raise Malformed("X-HTTP-Method-Override", f"it may be {', '.join(OVERRIDABLE)}")
        act = {
            ("OPTIONS", False): self.options,
            ("OPTIONS", True): self.options,
            ("POST", False): self.create,
            ("HEAD", True): self.head,
            ("PATCH", True): self.patch,
            ("DELETE", True): self.delete,
        }.get((method, "id" in request.match_info))
        if act is None:
            return method_not_allowed(request, "OPTIONS, POST, HEAD, PATCH, DELETE")
        self._check_version(request, method)
        return await act(request)

    def _check_version(self, request: web.Request, method: str) -> None:
        """Raises UnsupportedVersion. A client that only asks may leave its version out."""
        given = request.headers.get("Tus-Resumable", VERSION if method == "HEAD" else "")
        if method != "OPTIONS" and given != VERSION:
            raise UnsupportedVersion(f"tus {VERSION}")

    async def options(self, _request: web.Request) -> web.Response:
        """What this server can do."""
        return web.Response(
            status=204,
            headers={
                "Tus-Version": VERSION,
                "Tus-Extension": EXTENSIONS,
                "Tus-Max-Size": str(self._intake.options.limits.file),
                "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
            },
        )

    async def create(self, request: web.Request) -> web.Response:
        """A new upload, with its first bytes where they come along (creation-with-upload)."""
        owner = self._gate.caller(request).owner
        refuse_range(request)
        concat = request.headers.get("Upload-Concat", "")
        if concat.startswith(FINAL) and concat.isascii():
            return await self._join(request, owner, concat)
        if concat not in ("", PARTIAL):
            raise Malformed("Upload-Concat", "it must be partial, or final; and the parts")
        wish = _wish(request, _length(request), concat)
        with_bytes = request.content_type == MEDIA_TYPE and body_size(request) != 0
        proof = self._body_proof(request) if with_bytes else None
        view, _ = await unbroken(self._intake.create(wish, owner, DIALECT))
        headers = {"Location": self._url(view)}
        if with_bytes:
            first = AppendRequest(0, body_size(request), DIALECT, proof=proof, known=False)
            try:
                view = await self._append(request, owner, view.upload.id, first)
            except MediaServiceError as error:
                return self._refused(request, error, headers)
            headers["Upload-Offset"] = str(view.received.offset)
        return web.Response(status=201, headers=headers | self._progress(view))

    async def head(self, request: web.Request) -> web.Response:
        """How far the upload is. What a stale connection still brings ends here, so that the offset stands.

        Its address is enough: clients begin anew at an answer that asks them to sign in.
        """
        view = await self._appends.standing(request.match_info["id"], None)
        upload, said = view.upload, view.upload.protocol_fields or {}
        headers = {"Upload-Offset": str(view.received.offset), "Cache-Control": "no-store"}
        if upload.length is None:
            headers["Upload-Defer-Length"] = "1"
        else:
            headers["Upload-Length"] = str(upload.length)
        if "metadata" in said:
            headers[METADATA] = said["metadata"]
        if CONCAT in said:
            headers["Upload-Concat"] = said[CONCAT]
        return web.Response(headers=headers | self._progress(view))

    async def patch(self, request: web.Request) -> web.Response:
        """The bytes from Upload-Offset on. The id is the permission."""
        if request.content_type != MEDIA_TYPE:
            raise UnsupportedMediaType(MEDIA_TYPE)
        at = number(request.headers, "Upload-Offset")
        if at is None:
            raise Malformed("Upload-Offset", "it is missing")
        length, proof = number(request.headers, "Upload-Length"), self._body_proof(request)
        addition = AppendRequest(at, body_size(request), DIALECT, length=length, proof=proof)
        view = await self._append(request, None, request.match_info["id"], addition)
        headers = {"Upload-Offset": str(view.received.offset)}
        return web.Response(status=204, headers=headers | self._progress(view))

    async def delete(self, request: web.Request) -> web.Response:
        """The upload is given up. A finished file is not its sender's to take back."""
        owner, upload_id = self._gate.caller(request).sees, request.match_info["id"]
        await self._appends.interrupt(upload_id, owner)
        await unbroken(self._intake.cancel(upload_id, owner))
        return web.Response(status=204)

    async def _join(self, request: web.Request, owner: str, concat: str) -> web.Response:
        """An upload of the bytes of others, in the order in which they are listed (concatenation)."""
        if "Upload-Length" in request.headers:
            raise Malformed("Upload-Length", "it is the sum of the parts")
        if body_size(request) != 0:
            raise NotWritable
        parts = [address.rstrip("/").rpartition("/")[2] for address in concat.removeprefix(FINAL).split()]
        view = await unbroken(self._concatenator.concatenate(_wish(request, None, concat), parts, owner, DIALECT))
        headers = {"Location": self._url(view)}
        try:
            view = await with_verdict(self._intake, view, self._wait)
        except MediaServiceError as error:
            return self._refused(request, error, headers)
        return web.Response(status=201, headers=headers | self._progress(view))

    async def _append(
        self, request: web.Request, owner: str | None, upload_id: str, addition: AppendRequest
    ) -> UploadView:
        append = self._appends.append(upload_id, owner, addition, lambda: raw_blocks(request, self._turns))
        return await with_verdict(self._intake, await unbroken(append), self._wait)

    def _body_proof(self, request: web.Request) -> Proof | None:
        refuse_coding(request)
        given = request.headers.get("Upload-Checksum")
        return None if given is None else checksum(given)

    def _url(self, view: UploadView) -> str:
        return self._shapes.location(f"/tus/{view.upload.id}")

    def _progress(self, view: UploadView) -> dict[str, str]:
        """When an unfinished upload expires, or where a whole one is seen."""
        if view.expires_at is not None:
            return {"Upload-Expires": http_date(view.expires_at)}
        return {"Upload-Result": f'"{self._shapes.upload_url(view.upload.id)}";state={view.upload.state}'}

    def _refused(
        self, request: web.Request, error: MediaServiceError, headers: dict[str, str] | None = None
    ) -> web.Response:
        """The answer to an error, in the protocol's own status codes."""
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
            # Not 409: clients take that for passing, and try again.
            status["status"] = 410 if error.state == State.REJECTED else 403
        answer = refuse(error, self._shapes.base, request.path, headers=headers, **status)
        if answer.status == CHECKSUM_MISMATCH:
            answer.set_status(CHECKSUM_MISMATCH, "Checksum Mismatch")
        return answer


def _wish(request: web.Request, length: int | None, concat: str) -> UploadRequest:
    """Raises Malformed."""
    given = request.headers.get(METADATA)
    protocol_fields = {}
    if given is not None:
        protocol_fields["metadata"] = given
    if concat:
        protocol_fields[CONCAT] = concat
    return UploadRequest(
        length=length,
        defer_completion=concat == PARTIAL,
        protocol_fields=protocol_fields or None,
        address=peer_address(request),
        **described(given or ""),
    )


def _length(request: web.Request) -> int | None:
    """The announced length, None where it is deferred. Raises Malformed."""
    deferred, length = request.headers.get("Upload-Defer-Length"), number(request.headers, "Upload-Length")
    if (deferred is None) == (length is None) or deferred not in (None, "1"):
        raise Malformed("Upload-Length", "either it or Upload-Defer-Length: 1 is needed")
    if length == 0:
        raise Malformed("Upload-Length", "a file has at least one byte")
    return length
