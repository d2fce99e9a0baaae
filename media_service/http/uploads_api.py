"""Uploads over REST: create, list, show, amend, cancel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from media_service.core.digest import parse_digest_field, parse_hex
from media_service.core.errors.requests import Malformed
from media_service.core.lifecycle import UploadRequest
from media_service.core.upload_states import State
from media_service.http.body import json_body
from media_service.http.chapters import ChapterField, as_chapters
from media_service.http.paging import full_of, listed, page
from media_service.http.peer import peer_address
from media_service.http.shapes import API, microseconds
from media_service.http.steps import unbroken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.http.auth import Gate
    from media_service.http.shapes import Shapes
    from media_service.intake.uploads import UploadService

Text = Annotated[str, Field(max_length=8192)]


class CreateUpload(BaseModel):
    """The body of `POST /uploads`. `length` in bytes, None while it is not known."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filename: Text
    length: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    last_modified: AwareDatetime | None = None
    digest: Text | None = None
    content_hash: Text | None = None
    sender: Text | None = None
    tags: dict[Text, Text] = {}
    chapters: list[ChapterField] = []


class AmendUpload(BaseModel):
    """The body of `PATCH /uploads/{id}`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tags: dict[Text, Text] | None = None
    chapters: list[ChapterField] | None = None
    length: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    sender: Text | None = None


class UploadsApi:
    """The routes under `/api/v1/uploads`, but for the slices, and what an upload may be."""

    def __init__(self, intake: UploadService, gate: Gate, shapes: Shapes) -> None:
        self._intake = intake
        self._gate = gate
        self._shapes = shapes

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        return [
            web.post(f"{API}/uploads", self.create),
            web.get(f"{API}/uploads", self.listing),
            web.get(f"{API}/uploads/{{id}}", self.show),
            web.patch(f"{API}/uploads/{{id}}", self.amend),
            web.delete(f"{API}/uploads/{{id}}", self.cancel),
            web.get(f"{API}/uploads/{{id}}/slices", self.slices),
            web.get(f"{API}/limits", self.limits),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """201 with a new upload; 200 with the finished one of the same bytes."""
        caller = self._gate.caller(request)
        body = await json_body(request, CreateUpload)
        wish = UploadRequest(
            filename=body.filename,
            length=body.length,
            last_modified=None if body.last_modified is None else microseconds(body.last_modified),
            digest=None if body.digest is None else parse_digest_field(body.digest, "digest"),
            content_hash=None if body.content_hash is None else parse_hex(body.content_hash, "content_hash"),
            sender=body.sender,
            tags=body.tags,
            chapters=as_chapters(body.chapters),
            address=peer_address(request),
        )
        view, created = await unbroken(self._intake.create(wish, caller.owner, "native"))
        return web.json_response(
            self._shapes.upload(view),
            status=201 if created else 200,
            headers={"Location": self._shapes.upload_url(view.upload.id)},
        )

    async def listing(self, request: web.Request) -> web.Response:
        """The caller's uploads, newest first; with `scope=all` everybody's, for the admin.

        Rows are short, with `full=1` they are whole. With `content_hash` and `length`, the one finished upload of these
        bytes, or none.
        """
        everybody = request.query.get("scope") == "all"
        caller = self._gate.admin(request) if everybody else self._gate.caller(request)
        if "content_hash" in request.query:
            view = await self._intake.duplicate_of_bytes(caller.lists, *_bytes_named(request))
            return listed(
                request, "uploads", b"" if view is None else json.dumps(self._shapes.upload(view)).encode(), None
            )
        try:
            states = [State(name) for name in request.query.get("state", "").split(",") if name]
        except ValueError:
            raise Malformed("state", f"states are {', '.join(State)}") from None
        owner = None if everybody else caller.lists
        short = not full_of(request)
        shape = self._shapes.listed_upload if short else self._shapes.upload

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            views, following = await self._intake.listing(owner, states, cursor, limit, short=short)
            return map(shape, views), following

        return await page(request, "uploads", read)

    async def show(self, request: web.Request) -> web.Response:
        """The upload, for everyone who knows its id; `mine` says whether the caller may change it too."""
        view = await self._intake.show(request.match_info["id"], None)
        body = self._shapes.upload(view) | {"mine": self._gate.visitor(request).owns(view.upload.owner)}
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def amend(self, request: web.Request) -> web.Response:
        """The upload with other tags or chapters, another sender, or with the length that was not known."""
        caller = self._gate.caller(request)
        body = await json_body(request, AmendUpload)
        step = self._intake.amend(
            request.match_info["id"],
            caller.sees,
            tags=body.tags,
            chapters=None if body.chapters is None else as_chapters(body.chapters),
            length=body.length,
            sender=body.sender,
        )
        return web.json_response(self._shapes.upload(await unbroken(step)))

    async def limits(self, request: web.Request) -> web.Response:
        """What is accepted, so that a client can tell before it sends; `largest` is what the disk has room for now."""
        self._gate.caller(request)
        conduct = self._intake.options
        limits = conduct.limits
        body: dict[str, float] = {"file": limits.file, "largest": await self._intake.largest(), "slice": limits.slice}
        body |= {"cover": limits.cover.size, "cover_pixels": limits.cover.pixels}
        body["upload_lifetime"] = conduct.lifetime.idle / 1_000_000
        body["quarantine_lifetime"] = conduct.quarantine_lifetime
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    async def cancel(self, request: web.Request) -> web.Response:
        """204; the admin may cancel anybody's."""
        await unbroken(self._intake.cancel(request.match_info["id"], self._gate.caller(request).sees))
        return web.Response(status=204)

    async def slices(self, request: web.Request) -> web.Response:
        """What is recorded, by which a file picked again is proven the same before a byte is sent. The id is enough."""
        recorded = await self._intake.slices(request.match_info["id"], None)
        return web.json_response([self._shapes.slice(piece) for piece in recorded])


def _bytes_named(request: web.Request) -> tuple[bytes, int]:
    """The query's content hash and length. Raises Malformed."""
    length = request.query.get("length", "")
    if not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise Malformed("length", "it must be a number of bytes")
    return parse_hex(request.query["content_hash"], "content_hash"), int(length)
