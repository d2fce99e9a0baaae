"""Covers over HTTP: how one is read and shown, and those of uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.cover import EXTENSIONS
from media_service.core.errors import CoverTooLarge
from media_service.http.body import expect_later, whole_body
from media_service.http.shapes import API
from media_service.http.steps import unbroken

if TYPE_CHECKING:
    from media_service.core.cover import Cover
    from media_service.http.auth import Gate
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.conduct import Conduct
    from media_service.intake.receive import Intake


class UploadCovers:
    """The routes under `/api/v1/uploads/{id}/cover`."""

    def __init__(self, intake: Intake, gate: Gate, shapes: Shapes, turns: Turns) -> None:
        self._intake = intake
        self._gate = gate
        self._shapes = shapes
        self._turns = turns

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        path = f"{API}/uploads/{{id}}/cover"
        return [
            web.get(path, self.show),
            web.put(path, self.put, expect_handler=expect_later),
            web.delete(path, self.delete),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The picture that was sent, until the upload has ended; for whoever may see the upload."""
        holder = self._gate.holder(request)
        owner = None if holder.admin else holder.owner
        return shown_cover(*await self._intake.cover(request.match_info["id"], owner))

    async def put(self, request: web.Request) -> web.Response:
        """The upload with the body as its cover."""
        caller, upload_id = self._gate.caller(request), request.match_info["id"]
        await self._intake.check_cover(upload_id, caller.owner)
        picture = await read_cover(request, self._intake.conduct, self._turns)
        view = await unbroken(self._intake.put_cover(upload_id, caller.owner, picture))
        return web.json_response(self._shapes.upload(view))

    async def delete(self, request: web.Request) -> web.Response:
        """The upload without a cover of its own; 204, also the second time."""
        caller = self._gate.caller(request)
        await unbroken(self._intake.put_cover(request.match_info["id"], caller.owner, None))
        return web.Response(status=204)


async def read_cover(request: web.Request, conduct: Conduct, turns: Turns) -> bytes:
    """The body as a picture, whatever type it claims. Raises CoverTooLarge, UnsupportedMediaType, and of the body."""
    limit = conduct.limits.cover.size
    return await whole_body(request, turns, limit, lambda: CoverTooLarge(limit), conduct.idle_timeout)


def shown_cover(cover: Cover, picture: bytes) -> web.Response:
    """The picture under the type its bytes have, as an attachment that no browser takes for a page of ours."""
    headers = {
        "Content-Disposition": f'attachment; filename="cover.{EXTENSIONS[cover.media_type]}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    return web.Response(body=picture, content_type=cover.media_type, headers=headers)
