"""The request that cancels an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.access import Scope
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from media_service.http.security.auth import Authenticator
    from media_service.intake.receiving.append import Appends
    from media_service.intake.uploads import UploadService


async def cancel_upload(
    request: web.Request, authenticator: Authenticator, appends: Appends, intake: UploadService
) -> web.Response:
    """Stop a running append and cancel the upload. A finished file cannot be cancelled."""
    viewer, upload_id = (await authenticator.authenticate(request)).viewer(Scope.EDIT), request.match_info["id"]
    await appends.interrupt(upload_id, viewer)
    await shielded(intake.cancel(upload_id, viewer))
    return web.Response(status=204)
