"""Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload), under `/rufh/`.

What versions do differently stands in a table in `rufh_fields.py`. Digests (RFC 9530) are served beside the draft,
which no longer speaks of them.
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
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, State
from media_service.http import rufh_fields as fields
from media_service.http.body import expect_later, raw_blocks, refuse_coding
from media_service.http.fields import body_size, refuse_range
from media_service.http.peer import peer_address
from media_service.http.problems import method_not_allowed, refuse
from media_service.http.steps import unbroken, with_verdict
from media_service.intake.receiving.append import AppendRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from media_service.http.auth import Gate
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.receiving.append import Appends
    from media_service.intake.uploads import UploadService

DIALECT = "rufh"
PROBLEMS = "https://iana.org/assignments/http-problem-types#"
PATHS = ("/rufh", "/rufh/", "/rufh/{id:[A-Za-z0-9_-]{22}}", "/rufh/{name}")
"""Where uploads are created, where each is, and the address of a file by its name, to which `curl -T` sends it."""

UPLOAD_FIELDS = ("Upload-Offset", "Upload-Complete", "Upload-Incomplete", "Upload-Length")


class RufhDialect:
    """`wait`: seconds that the last answer waits for the verdict. `interim_responses`: whether clients get 104s."""

    def __init__(
        self,
        intake: UploadService,
        appends: Appends,
        gate: Gate,
        shapes: Shapes,
        *,
        turns: Turns,
        wait: float,
        interim_responses: bool,
    ) -> None:
        self._intake = intake
        self._appends = appends
        self._gate = gate
        self._shapes = shapes
        self._turns = turns
        self._wait = wait
        self._interim_responses = interim_responses

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        return [web.route("*", path, self.answer, expect_handler=expect_later) for path in PATHS]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request of the protocol."""
        version = fields.version_of(request)
        try:
            answer = await self._answer(request, version)
        except MediaServiceError as error:
            answer = self._refused(request, version, error)
        if version.number is not None:
            answer.headers[fields.INTEROP] = str(version.number)
        return answer

    async def _answer(self, request: web.Request, version: fields.Version) -> web.Response:
        acts = self._acts(request)
        act = acts.get(request.method)
        if act is not None:
            return await act(request, version)
        if "name" in request.match_info and request.method != "POST":
            raise UnknownUpload
        return method_not_allowed(request, ", ".join(acts))

    def _acts(
        self, request: web.Request
    ) -> dict[str, Callable[[web.Request, fields.Version], Awaitable[web.Response]]]:
        """Return what can be done at this address, by method."""
        if "id" in request.match_info:
            to_upload = {"HEAD": self.show, "GET": self.show, "PATCH": self.append, "DELETE": self.delete}
            return {"OPTIONS": self.options, **to_upload}
        if "name" in request.match_info:
            return {"OPTIONS": self.options, "PUT": self.create}
        return {"OPTIONS": self.options, "POST": self.create, "PUT": self.create}

    async def options(self, _request: web.Request, version: fields.Version) -> web.Response:
        """The limits of an upload."""
        return web.Response(status=204, headers=self._limits(version))

    async def create(self, request: web.Request, version: fields.Version) -> web.Response:
        """A new upload, with its first bytes or all of them. A request that says nothing of uploads brings all."""
        owner, size = self._gate.caller(request).owner, body_size(request)
        refuse_coding(request)
        refuse_range(request)
        last, named = fields.complete(request, version) is not False, fields.integer(request, "Upload-Length")
        length = announced_length(named, size, last=last)
        if length == 0:
            raise Malformed("Upload-Length" if named == 0 else "body", "a file has at least one byte")
        digest, proof = fields.whole_digest(request), fields.proof(request)
        defer_completion = length is None or not version.length_completes
        wish = UploadRequest(
            length=length,
            digest=digest,
            defer_completion=defer_completion,
            address=peer_address(request),
            **_described(request),
        )
        view, _ = await unbroken(self._intake.create(wish, owner, DIALECT))
        place = {"Location": self._shapes.location(f"/rufh/{view.upload.id}")}
        known = await self._interim(request, version, place | self._limits(version, view))
        first = AppendRequest(0, size, DIALECT, length=length, last=last, proof=proof, known=known)
        if first.size == 0 and not last:
            return self._going_on(version, view, 201, place)
        try:
            return await self._append(request, version, owner, view.upload.id, first, headers=place, more=201)
        except MediaServiceError as error:
            return self._refused(request, version, error, place)

    async def show(self, request: web.Request, version: fields.Version) -> web.Response:
        """How far the upload is. What a stale connection still brings ends here, so that the offset stands."""
        if version.asks_plainly and any(name in request.headers for name in UPLOAD_FIELDS):
            raise Malformed("Upload-Offset", "it is what is asked for")
        return self._going_on(version, await self._appends.standing(request.match_info["id"], None), 204, {})

    async def append(self, request: web.Request, version: fields.Version) -> web.Response:
        """The bytes from Upload-Offset on. The id is the permission."""
        upload_id, size = request.match_info["id"], body_size(request)
        refuse_coding(request)
        if version.append_type is not None and request.content_type != version.append_type:
            raise UnsupportedMediaType(version.append_type)
        at, last = fields.integer(request, "Upload-Offset"), fields.complete(request, version)
        if at is None or last is None:
            raise Malformed("Upload-Offset" if at is None else version.complete, "it is missing or no structured field")
        stop = None if size is None else at + size
        length = announced_length(fields.integer(request, "Upload-Length"), stop, last=last)
        addition = AppendRequest(at, size, DIALECT, length=length, last=last, proof=fields.proof(request))
        return await self._append(request, version, None, upload_id, addition, headers={}, more=version.appended)

    async def delete(self, request: web.Request, _version: fields.Version) -> web.Response:
        """The upload is given up. A finished file is not its sender's to take back."""
        owner, upload_id = self._gate.caller(request).sees, request.match_info["id"]
        await self._appends.interrupt(upload_id, owner)
        await unbroken(self._intake.cancel(upload_id, owner))
        return web.Response(status=204)

    async def _append(
        self,
        request: web.Request,
        version: fields.Version,
        owner: str | None,
        upload_id: str,
        addition: AppendRequest,
        *,
        headers: Mapping[str, str],
        more: int,
    ) -> web.Response:
        """Takes the body, and answers with status `more` or, behind the last byte, as for any posted file."""

        async def progress(offset: int) -> None:
            if version.progress:
                await self._interim(request, version, {"Upload-Offset": str(offset)})

        append = self._appends.append(upload_id, owner, addition, lambda: raw_blocks(request, self._turns), progress)
        try:
            view = await unbroken(append)
        except SpanOutside:
            # The draft has it so: an upload that ran over its length is not to be trusted in anything.
            await unbroken(self._intake.abandon(upload_id))
            raise
        if view.upload.state is State.RECEIVING:
            return self._going_on(version, view, more, headers)
        try:
            view = await with_verdict(self._intake, view, self._wait)
        except MediaServiceError as verdict:
            return self._refused(request, version, verdict, headers, whole=True)
        upload = view.upload
        return web.json_response(
            self._shapes.upload(view),
            status=202 if upload.state in FINISHING else 201,
            headers={
                "Location": self._shapes.upload_url(upload.id),
                "Upload-Offset": str(view.received.offset),
                **fields.completeness(version, whole=True),
                **(fields.repr_digest(upload.facts.sha256) if upload.facts is not None else {}),
            },
        )

    def _going_on(
        self, version: fields.Version, view: UploadView, status: int, headers: Mapping[str, str]
    ) -> web.Response:
        """An answer that says how far the upload is."""
        length = view.upload.length
        return web.Response(
            status=status,
            headers={
                **headers,
                "Cache-Control": "no-store",
                "Upload-Offset": str(view.received.offset),
                **({} if length is None else {"Upload-Length": str(length)}),
                **fields.completeness(version, whole=view.upload.state in COMPLETE_STATES),
                **self._limits(version, view),
            },
        )

    def _limits(self, version: fields.Version, view: UploadView | None = None) -> dict[str, str]:
        limits, lifetime = self._intake.options.limits, self._intake.options.lifetime
        remaining = min(lifetime.idle, lifetime.whole) if view is None else self._intake.remaining(view)
        return fields.limits(version, limits.file, remaining // 1_000_000)

    async def _interim(self, request: web.Request, version: fields.Version, headers: Mapping[str, str]) -> bool:
        """Sends a 104 where that is switched on and the client knows it by its number; whether it was sent."""
        silent = not self._interim_responses or version.number is None or request.version < HttpVersion11
        if silent or request.transport is None or request.transport.is_closing():
            return False
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, fields.INTEROP: version.number}.items()]
        await request.writer.write(f"HTTP/1.1 104 Upload Resumption Supported\r\n{''.join(lines)}\r\n".encode())
        # The interim answer is no part of the one that is still to come.
        request.writer.output_size = 0
        return True

    def _refused(
        self,
        request: web.Request,
        version: fields.Version,
        error: MediaServiceError,
        headers: Mapping[str, str] | None = None,
        *,
        whole: bool = False,
    ) -> web.Response:
        """The answer to an error. `whole`: the file is refused for what it is, and no byte of it is wanted any more."""
        more: dict[str, str] = {**(headers or {}), **fields.completeness(version, whole=whole)}
        members: dict[str, Any] = {}
        if isinstance(error, OffsetMismatch):
            more["Upload-Offset"] = str(error.offset)
            members = {"type": f"{PROBLEMS}mismatching-upload-offset"}
            members |= {"expected-offset": error.offset, "provided-offset": error.provided}
        elif isinstance(error, LengthDiffers):
            members = {"type": f"{PROBLEMS}inconsistent-upload-length"}
        elif isinstance(error, FileTooLarge | SliceTooLarge):
            more |= self._limits(version)
        elif isinstance(error, DigestMismatch) and not whole:
            members = {"status": 400}
        elif isinstance(error, WrongState) and error.state == State.REJECTED:
            # Not 409: clients repeat a request that was answered so.
            members = {"status": 410}
        return refuse(error, self._shapes.base, request.path, headers=more, **members)


def _described(request: web.Request) -> dict[str, Any]:
    """Return what the request says of the file; its name, if no field has it, is the address's. Raises Malformed."""
    described = fields.about(request)
    return described | {"filename": described["filename"] or request.match_info.get("name", "")}
