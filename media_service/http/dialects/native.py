"""The native dialect: one slice a request, as a part of multipart/form-data or as the raw body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.digest import parse_digest_field
from media_service.core.errors.limits import SliceTooLarge
from media_service.core.errors.requests import Malformed
from media_service.http.api.serializer import API_PREFIX
from media_service.http.body import RequestBody, defer_continue, refuse_content_encoding
from media_service.http.dialects.header_fields import refuse_content_range
from media_service.http.multipart import FormSchema, MultipartForm
from media_service.intake.receiving.slice_request import SliceRequest

if TYPE_CHECKING:
    from media_service.http.api.serializer import Serializer
    from media_service.http.loop_budget import LoopBudget
    from media_service.intake.uploads import UploadService

DIALECT_NAME = "native"


class NativeDialect:
    """Receive slices under `/api/v1/uploads/{id}/slices`. The id is a secret of 128 bits, and permits sending."""

    def __init__(self, intake: UploadService, serializer: Serializer, loop_budget: LoopBudget) -> None:
        self._intake = intake
        self._serializer = serializer
        self._loop_budget = loop_budget

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        slices = f"{API_PREFIX}/uploads/{{id}}/slices"
        return [
            web.post(slices, self.post, expect_handler=defer_continue),
            web.put(f"{slices}/{{offset}}", self.put, expect_handler=defer_continue),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """Receive a slice as multipart/form-data: `offset` and `digest` (optional), then the file part `slice`."""
        refuse_content_range(request)
        upload_id, options = request.match_info["id"], self._intake.options
        await self._intake.check_open(upload_id, None)
        limit = options.limits.slice
        schema = FormSchema("slice", ("offset", "digest"), limit, lambda: SliceTooLarge(limit))
        form = await MultipartForm.open(request, schema, self._loop_budget, options.idle_timeout)
        if "offset" not in form.fields:
            raise Malformed("offset", "must come before the slice")
        fields, most = form.fields, request.content_length
        slice_request = _slice_request(fields["offset"], None, fields.get("digest"), "digest", most=most)
        view = await self._intake.receive(upload_id, None, slice_request, form.blocks())
        return web.json_response(await self._serializer.upload(view))

    async def put(self, request: web.Request) -> web.Response:
        """Receive a slice as the raw body, with its digest in Content-Digest (RFC 9530, optional)."""
        refuse_content_encoding(request)
        refuse_content_range(request)
        offset, digest = request.match_info["offset"], request.headers.get("Content-Digest")
        slice_request = _slice_request(offset, request.content_length, digest, "Content-Digest")
        body = RequestBody(request, self._loop_budget)
        view = await self._intake.receive(request.match_info["id"], None, slice_request, body)
        return web.json_response(await self._serializer.upload(view))


def _slice_request(
    offset: str, size: int | None, digest: str | None, digest_field: str, *, most: int | None = None
) -> SliceRequest:
    """Return the slice request for these fields. Raise Malformed."""
    if not (offset.isascii() and offset.isdigit() and len(offset) <= 18):
        raise Malformed("offset", "must be a number of bytes")
    if size == 0:
        raise Malformed("slice", "empty")
    proof = None if digest is None else parse_digest_field(digest, digest_field)
    return SliceRequest(int(offset), size, proof, DIALECT_NAME, most=most, cut_by_client=True)
