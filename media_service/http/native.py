"""The native dialect: one slice as a multipart part for browsers, or as a raw body for scripts and for speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.digest import parse_digest_field
from media_service.core.errors.limits import SliceTooLarge
from media_service.core.errors.requests import Malformed
from media_service.http.body import expect_later, raw_blocks, refuse_coding
from media_service.http.fields import refuse_range
from media_service.http.multipart import Form, FormShape
from media_service.http.shapes import API
from media_service.intake.receiving.slices import SliceRequest

if TYPE_CHECKING:
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.uploads import UploadService

DIALECT = "native"


class NativeDialect:
    """Slices under `/api/v1/uploads/{id}/slices`. The id, which nobody can guess, is the permission to send them."""

    def __init__(self, intake: UploadService, shapes: Shapes, turns: Turns) -> None:
        self._intake = intake
        self._shapes = shapes
        self._turns = turns

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        slices = f"{API}/uploads/{{id}}/slices"
        return [
            web.post(slices, self.post, expect_handler=expect_later),
            web.put(f"{slices}/{{offset}}", self.put, expect_handler=expect_later),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """One slice as multipart/form-data: `offset` and `digest` (optional), then the file part `slice`."""
        refuse_range(request)
        upload_id, conduct = request.match_info["id"], self._intake.options
        await self._intake.check_open(upload_id, None)
        limit = conduct.limits.slice
        shape = FormShape("slice", ("offset", "digest"), limit, lambda: SliceTooLarge(limit))
        form = await Form.open(request, shape, self._turns, conduct.idle_timeout)
        if "offset" not in form.fields:
            raise Malformed("offset", "it must come before the slice")
        incoming = _incoming(
            form.fields["offset"], None, form.fields.get("digest"), "digest", most=request.content_length
        )
        view = await self._intake.receive(upload_id, None, incoming, form.blocks)
        return web.json_response(self._shapes.upload(view))

    async def put(self, request: web.Request) -> web.Response:
        """One slice as the raw body, its SHA-256 in Content-Digest (RFC 9530, optional)."""
        refuse_coding(request)
        refuse_range(request)
        incoming = _incoming(
            request.match_info["offset"],
            request.content_length,
            request.headers.get("Content-Digest"),
            "Content-Digest",
        )
        view = await self._intake.receive(
            request.match_info["id"], None, incoming, lambda: raw_blocks(request, self._turns)
        )
        return web.json_response(self._shapes.upload(view))


def _incoming(
    offset: str, size: int | None, digest: str | None, digest_field: str, *, most: int | None = None
) -> SliceRequest:
    """Raises Malformed."""
    if not (offset.isascii() and offset.isdigit() and len(offset) <= 18):
        raise Malformed("offset", "it must be a number of bytes")
    if size == 0:
        raise Malformed("slice", "it has no bytes")
    proof = None if digest is None else parse_digest_field(digest, digest_field)
    return SliceRequest(int(offset), size, proof, DIALECT, most=most, cut_by_client=True)
