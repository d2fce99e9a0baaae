"""Covers over HTTP: how one is read and shown, those of uploads, and those of finished files."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.cover import EXTENSIONS
from media_service.core.errors.covers import CoverNotImage, CoverTooLarge
from media_service.http.body import expect_later, whole_body
from media_service.http.files_api import version_seen
from media_service.http.shapes import API
from media_service.http.steps import unbroken, unbroken_holding

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.cover import Cover
    from media_service.http.auth import Gate
    from media_service.http.files_api import FilesApi
    from media_service.http.memory_budget import MemoryBudget
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.finalizing.retag import Retagger
    from media_service.intake.options import IntakeOptions
    from media_service.intake.uploads import UploadService


class UploadCovers:
    """The routes under `/api/v1/uploads/{id}/cover`."""

    def __init__(self, intake: UploadService, gate: Gate, shapes: Shapes, turns: Turns, budget: MemoryBudget) -> None:
        self._intake = intake
        self._gate = gate
        self._shapes = shapes
        self._turns = turns
        self._budget = budget

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        path = f"{API}/uploads/{{id}}/cover"
        return [
            web.get(path, self.show),
            web.put(path, self.put, expect_handler=expect_later),
            web.delete(path, self.delete),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The picture that was sent, until the upload has ended; for its owner and the admin."""
        visitor = self._gate.visitor(request)
        return shown_cover(*await self._intake.cover(request.match_info["id"], visitor.sees))

    async def put(self, request: web.Request) -> web.Response:
        """The upload with the body as its cover."""
        caller, upload_id = self._gate.caller(request), request.match_info["id"]
        await self._intake.check_cover(upload_id, caller.sees)
        async with AsyncExitStack() as held:
            picture = await read_cover(request, self._intake.options, self._turns, self._budget, held)
            view = await unbroken_holding(held, self._intake.put_cover(upload_id, caller.sees, picture))
        return web.json_response(self._shapes.upload(view))

    async def delete(self, request: web.Request) -> web.Response:
        """The upload without a cover of its own; 204, also the second time."""
        caller = self._gate.caller(request)
        await unbroken(self._intake.put_cover(request.match_info["id"], caller.sees, None))
        return web.Response(status=204)


class FileCovers:
    """The routes under `/api/v1/files/{id}/cover`."""

    def __init__(
        self,
        files: FilesApi,
        retagger: Retagger,
        gate: Gate,
        conduct: IntakeOptions,
        *,
        turns: Turns,
        budget: MemoryBudget,
    ) -> None:
        self._files = files
        self._retagger = retagger
        self._gate = gate
        self._conduct = conduct
        self._turns = turns
        self._budget = budget

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        path = f"{API}/files/{{id}}/cover"
        return [
            web.get(path, self.show),
            web.put(path, self.put, expect_handler=expect_later),
            web.delete(path, self.delete),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """The cover that stands in the file, for its owner and the admin."""
        return shown_cover(*await self._retagger.cover(await self._files.find(request)))

    async def put(self, request: web.Request) -> web.Response:
        """The file with the body as its cover, for the admin, who says in If-Match which version of it he saw."""
        self._gate.admin(request)
        is_current = version_seen(request)
        async with AsyncExitStack() as held:
            picture = await read_cover(request, self._conduct, self._turns, self._budget, held)
            if not picture:
                raise CoverNotImage
            return await self._edited(request, is_current, picture, held)

    async def delete(self, request: web.Request) -> web.Response:
        """The file without a cover in front, for the admin, who says in If-Match which version of it he saw."""
        self._gate.admin(request)
        return await self._edited(request, version_seen(request), b"", AsyncExitStack())

    async def _edited(
        self, request: web.Request, is_current: Callable[[bytes], bool], picture: bytes, held: AsyncExitStack
    ) -> web.Response:
        step = self._retagger.edit(request.match_info["id"], {}, is_current, picture=picture)
        return await self._files.shown(await unbroken_holding(held, step))


async def read_cover(
    request: web.Request, conduct: IntakeOptions, turns: Turns, budget: MemoryBudget, held: AsyncExitStack
) -> bytes:
    """Return the body as a picture, whatever type it claims. What it takes of the budget is added to `held`.

    The share is taken at once and for the whole picture: a slow line is not refused in the middle of it.
    Raise CoverTooLarge, CoversBusy, UnsupportedMediaType, and what bodies raise.
    """
    limit = conduct.limits.cover.size
    size = limit if request.content_length is None else min(request.content_length, limit)
    await held.enter_async_context(budget.hold(size))
    return await whole_body(request, turns, limit, lambda: CoverTooLarge(limit), conduct.idle_timeout)


def shown_cover(cover: Cover, picture: bytes) -> web.Response:
    """The picture under the type its bytes have, as an attachment that no browser takes for a page of ours."""
    headers = {
        "Content-Disposition": f'attachment; filename="cover.{EXTENSIONS[cover.media_type]}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    return web.Response(body=picture, content_type=cover.media_type, headers=headers)
