"""The trash over REST: put finished files there, restore them, delete them for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from media_service.core.access import Scope
from media_service.core.audit import Action
from media_service.core.errors.access import InsufficientScope
from media_service.core.errors.requests import Malformed
from media_service.http.api.files import if_match_condition, reader_of, subject_of
from media_service.http.api.serializer import API_PREFIX
from media_service.http.body import Text, read_json
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.core.files import StoredFile
    from media_service.http.api.files import FilesApi
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.intake.files import FileService
    from media_service.intake.trash import Trash


class TrashFile(BaseModel):
    """The body of `DELETE /files/{id}`, which may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Text = ""


class ExplainTrashed(BaseModel):
    """The body of `PATCH /files/{id}/trash`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Text


class TrashApi:
    """Handle `DELETE /api/v1/files/{id}`, and `/api/v1/files/{id}/trash` and `restore`."""

    def __init__(
        self, files: FileService, trash: Trash, files_api: FilesApi, authenticator: Authenticator, audit: AuditTrail
    ) -> None:
        self._files = files
        self._trash = trash
        self._files_api = files_api
        self._authenticator = authenticator
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        path = f"{API_PREFIX}/files/{{id}}"
        return [
            web.delete(path, self.delete),
            web.patch(f"{path}/trash", self.explain),
            web.post(f"{path}/restore", self.restore),
        ]

    async def delete(self, request: web.Request) -> web.Response:
        """Move the file into the trash, and return it; with `purge=1` delete it from there.

        For scope edit, with If-Match; for the sender for a while. Deleting needs scope admin.
        """
        if _wants_purge(request):
            return await self._purge(request)
        caller, file = await self._find(request)
        is_current = if_match_condition(request)
        body = await read_json(request, TrashFile) if request.can_read_body else TrashFile()
        moving = self._trash.put(file.id, is_current, caller.actor, body.reason, sender=_owners_of_sender(caller))
        noted = self._audit.during(moving, caller.actor, Action.FILE_TRASHED, subject_of(file))
        return await self._files_api.json_response(await shielded(noted))

    async def explain(self, request: web.Request) -> web.Response:
        """Change the reason for which the file is in the trash; return the file. As `restore`."""
        caller, file = await self._find(request)
        body = await read_json(request, ExplainTrashed)
        explaining = self._trash.explain(file.id, body.reason, sender=_owners_of_sender(caller))
        noted = self._audit.during(explaining, caller.actor, Action.TRASH_REASON_CHANGED, subject_of(file))
        return await self._files_api.json_response(await shielded(noted))

    async def restore(self, request: web.Request) -> web.Response:
        """Move the file from the trash back into the spool, and return it. As `delete`, without If-Match."""
        caller, file = await self._find(request)
        moving = self._trash.restore(file.id, sender=_owners_of_sender(caller))
        noted = self._audit.during(moving, caller.actor, Action.FILE_RESTORED, subject_of(file))
        return await self._files_api.json_response(await shielded(noted))

    async def _purge(self, request: web.Request) -> web.Response:
        caller = await self._authenticator.require(request, Scope.ADMIN)
        file = await self._files.find(request.match_info["id"], caller.viewer(Scope.ADMIN))
        is_current = if_match_condition(request) if request.if_match else _any
        purging = self._trash.purge(file.id, is_current)
        await shielded(self._audit.during(purging, caller.actor, Action.FILE_PURGED, subject_of(file)))
        return web.Response(status=204)

    async def _find(self, request: web.Request) -> tuple[Caller, StoredFile]:
        """Return a caller that may edit or upload, and the file, if it may change it or has sent it.

        Raise UnknownFile, InsufficientScope, and as `reader_of`.
        """
        caller = await reader_of(self._authenticator, request)
        if not caller.scopes & {Scope.EDIT, Scope.UPLOAD}:
            raise InsufficientScope(Scope.EDIT.value)
        return caller, await self._files.find(request.match_info["id"], caller.viewer(Scope.EDIT))


def _owners_of_sender(caller: Caller) -> frozenset[str] | None:
    """Return the caller's owners if it may only take back what it sent; None with scope edit."""
    return None if Scope.EDIT in caller.scopes else caller.own.owners


def _any(_sha256: bytes) -> bool:
    return True


def _wants_purge(request: web.Request) -> bool:
    """Return whether the client wants the file deleted for good. Raise Malformed."""
    text = request.query.get("purge", "0")
    if text not in ("0", "1"):
        raise Malformed("purge", "must be 0 or 1")
    return text == "1"
