"""Finished files over REST: the admin's listing, one file, and its bytes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from media_service.core.errors import UnknownFile
from media_service.http.paging import limit_of, page
from media_service.http.shapes import API

if TYPE_CHECKING:
    from media_service.core.ports import Catalogue, Spool, StoredFile
    from media_service.http.auth import Gate
    from media_service.http.shapes import Shapes


class FilesApi:
    """The routes under `/api/v1/files`."""

    def __init__(self, catalogue: Catalogue, spool: Spool, gate: Gate, shapes: Shapes) -> None:
        self._catalogue = catalogue
        self._spool = spool
        self._gate = gate
        self._shapes = shapes

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        return [
            web.get(f"{API}/files", self.listing),
            web.get(f"{API}/files/{{id}}", self.show),
            web.get(f"{API}/files/{{id}}/content", self.content),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """Files with every word of `q`, sorted by `sort`, for the admin."""
        self._gate.admin(request)
        files, following = await self._catalogue.list_files(
            request.query.get("q", ""),
            request.query.get("sort", "-uploaded_at"),
            request.query.get("cursor"),
            limit_of(request),
        )
        return page(request, "files", [self._shapes.file(file) for file in files], following)

    async def show(self, request: web.Request) -> web.Response:
        """One file, for its owner and the admin."""
        file = await self._find(request)
        heard = await self._catalogue.heard(file.id)
        return web.json_response(self._shapes.file(file) | {"heard": None if heard is None else asdict(heard)})

    async def content(self, request: web.Request) -> web.StreamResponse:
        """The bytes, or a range of them, as an attachment that no browser takes for a page of ours."""
        file = await self._find(request)
        name = quote(file.placed.name, safe="")
        headers = {
            "Content-Type": "audio/mpeg",
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-cache",
        }
        return web.FileResponse(self._spool.path(file.placed.name), headers=headers)

    async def _find(self, request: web.Request) -> StoredFile:
        caller = self._gate.caller(request)
        file = await self._catalogue.file(request.match_info["id"])
        if file is None or not (caller.admin or file.owner == caller.owner):
            raise UnknownFile
        return file
