"""Covers of uploads and of finished files over REST."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.access import Scope
from media_service.core.audit import Action
from media_service.core.cover import EXTENSIONS
from media_service.core.errors.covers import CoverNotImage, CoverTooLarge
from media_service.http.api.files import if_match_condition, reader_of, subject_of
from media_service.http.api.serializer import API_PREFIX
from media_service.http.body import defer_continue, read_body
from media_service.http.file_response import attachment_headers
from media_service.http.shielding import shielded, shielded_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.access.audit import AuditTrail
    from media_service.core.cover import Cover
    from media_service.core.files import StoredFile
    from media_service.http.api.files import FilesApi
    from media_service.http.api.serializer import Serializer
    from media_service.http.loop_budget import LoopBudget
    from media_service.http.memory_budget import MemoryBudget
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.intake.files import FileService
    from media_service.intake.options import IntakeOptions
    from media_service.intake.uploads import UploadService


class UploadCoversApi:
    """Handle `/api/v1/uploads/{id}/cover`."""

    def __init__(
        self,
        intake: UploadService,
        authenticator: Authenticator,
        serializer: Serializer,
        loop_budget: LoopBudget,
        budget: MemoryBudget,
    ) -> None:
        self._intake = intake
        self._authenticator = authenticator
        self._serializer = serializer
        self._loop_budget = loop_budget
        self._budget = budget

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return _cover_routes("uploads", self)

    async def show(self, request: web.Request) -> web.Response:
        """Return the picture that was sent, until the upload ends."""
        caller = await self._authenticator.identify(request)
        viewer = caller.viewer(Scope.READ)
        return cover_response(*await self._intake.edits.cover(request.match_info["id"], viewer))

    async def put(self, request: web.Request) -> web.Response:
        """Set the body as the cover; return the upload."""
        viewer = (await self._authenticator.authenticate(request)).viewer(Scope.EDIT)
        upload_id = request.match_info["id"]
        await self._intake.edits.check_cover(upload_id, viewer)
        async with AsyncExitStack() as resources:
            picture = await read_cover(request, self._intake.options, self._loop_budget, self._budget, resources)
            view = await shielded_with(resources, self._intake.edits.put_cover(upload_id, viewer, picture))
        return web.json_response(await self._serializer.upload(view))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove the cover. 204 also if there is none."""
        viewer = (await self._authenticator.authenticate(request)).viewer(Scope.EDIT)
        await shielded(self._intake.edits.put_cover(request.match_info["id"], viewer, None))
        return web.Response(status=204)


class FileCoversApi:
    """Handle `/api/v1/files/{id}/cover`."""

    def __init__(
        self,
        files: FileService,
        files_api: FilesApi,
        authenticator: Authenticator,
        options: IntakeOptions,
        *,
        audit: AuditTrail,
        loop_budget: LoopBudget,
        budget: MemoryBudget,
    ) -> None:
        self._files = files
        self._files_api = files_api
        self._authenticator = authenticator
        self._options = options
        self._audit = audit
        self._loop_budget = loop_budget
        self._budget = budget

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return _cover_routes("files", self)

    async def show(self, request: web.Request) -> web.Response:
        """Return the cover in the file's tag."""
        caller = await reader_of(self._authenticator, request)
        return cover_response(*await self._files.cover(request.match_info["id"], caller.viewer(Scope.READ)))

    async def put(self, request: web.Request) -> web.Response:
        """Write the body as the cover into the file; return the file. Needs scope edit, and If-Match."""
        caller, file = await self._find(request)
        is_current = if_match_condition(request)
        async with AsyncExitStack() as resources:
            picture = await read_cover(request, self._options, self._loop_budget, self._budget, resources)
            if not picture:
                raise CoverNotImage
            return await self._edit(caller, file, is_current, picture, resources)

    async def delete(self, request: web.Request) -> web.Response:
        """Remove the front cover from the file; return the file. Needs scope edit, and If-Match."""
        caller, file = await self._find(request)
        return await self._edit(caller, file, if_match_condition(request), b"", AsyncExitStack())

    async def _find(self, request: web.Request) -> tuple[Caller, StoredFile]:
        """Return a caller with scope edit, and the file. Raise UnknownFile, and as `Authenticator.require`."""
        caller = await self._authenticator.require(request, Scope.EDIT)
        return caller, await self._files.find(request.match_info["id"], caller.viewer(Scope.EDIT))

    async def _edit(
        self,
        caller: Caller,
        file: StoredFile,
        is_current: Callable[[bytes], bool],
        picture: bytes,
        resources: AsyncExitStack,
    ) -> web.Response:
        edit = self._files.edit(file.id, is_current, picture=picture)
        details = {"bytes": len(picture)}
        noted = self._audit.during(edit, caller.actor, Action.COVER_CHANGED, subject_of(file), details=details)
        return await self._files_api.json_response(await shielded_with(resources, noted))


def _cover_routes(resource: str, api: UploadCoversApi | FileCoversApi) -> list[web.RouteDef]:
    path = f"{API_PREFIX}/{resource}/{{id}}/cover"
    put = web.put(path, api.put, expect_handler=defer_continue)
    return [web.get(path, api.show), put, web.delete(path, api.delete)]


async def read_cover(
    request: web.Request,
    options: IntakeOptions,
    loop_budget: LoopBudget,
    budget: MemoryBudget,
    resources: AsyncExitStack,
) -> bytes:
    """Return the body, and add its memory reservation to `resources`. Raise CoversBusy, and what `read_body` raises."""
    # Reserve memory for the whole picture first, so that a slow client is not refused in the middle of it.
    limit = options.limits.cover.size
    size = limit if request.content_length is None else min(request.content_length, limit)
    await resources.enter_async_context(budget.reserve(size))
    return await read_body(request, loop_budget, limit, lambda: CoverTooLarge(limit), options.idle_timeout)


def cover_response(cover: Cover, picture: bytes) -> web.Response:
    """Return the picture with the type of its bytes."""
    name = f'filename="cover.{EXTENSIONS[cover.media_type]}"'
    return web.Response(body=picture, headers=attachment_headers(cover.media_type, name))
