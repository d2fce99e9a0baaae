"""The request that cancels an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.access import Scope
from media_service.http.api.uploads import cancel_and_note
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from media_service.access.audit import AuditTrail
    from media_service.http.security.auth import Authenticator
    from media_service.intake.receiving.append import Appends
    from media_service.intake.uploads import UploadService


async def cancel_upload(
    request: web.Request,
    authenticator: Authenticator,
    appends: Appends,
    intake: UploadService,
    audit: AuditTrail,
) -> web.Response:
    """Stop a running append and cancel the upload. A finished file cannot be cancelled."""
    caller, upload_id = await authenticator.authenticate(request), request.match_info["id"]
    await appends.interrupt(upload_id, caller.viewer(Scope.EDIT))
    await shielded(cancel_and_note(intake, audit, upload_id, caller))
    return web.Response(status=204)
