"""What the page of a guest link shows: its terms, the guest's uploads, and receipts. The secret is in the URL."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict

from media_service.core.errors.uploads import UnknownUpload
from media_service.core.upload_states import State
from media_service.http.api.pagination import page_response, wants_full_rows
from media_service.http.api.serializer import format_optional_time, format_time
from media_service.http.body import Text, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.access.guests import Guests
    from media_service.core.accounts import OwnerLimits
    from media_service.core.guest_links import ListedLink
    from media_service.http.api.serializer import Serializer
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.guests import GuestGate
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService


class Passphrase(BaseModel):
    """The body of `POST /u/{secret}/passphrase`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    passphrase: Text


class GuestsApi:
    """Handle `/u/{secret}/…`. A link that has ended is unknown, except to a browser that has sent something by it.

    `defaults`: limits of links that have none of their own.
    """

    def __init__(
        self,
        intake: UploadService,
        guests: Guests,
        gate: GuestGate,
        authenticator: Authenticator,
        serializer: Serializer,
        *,
        defaults: OwnerLimits,
    ) -> None:
        self._defaults = defaults
        self._intake = intake
        self._guests = guests
        self._gate = gate
        self._authenticator = authenticator
        self._serializer = serializer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.get("/u/{secret}/link", self.link),
            web.post("/u/{secret}/passphrase", self.passphrase),
            web.get("/u/{secret}/uploads", self.uploads),
            web.get("/u/{secret}/uploads/{id}/receipt", self.receipt),
        ]

    async def link(self, request: web.Request) -> web.Response:
        """Return what the guest must know. Without the passphrase, if it has one, the note is not shown."""
        listed, _ = await self._find(request)
        link = listed.link
        entered = self._gate.has_entered(request, link)
        body = {
            "title": link.title,
            "note": link.note if entered else "",
            "asks": asdict(link.asks),
            "opens_at": format_optional_time(link.opens_at),
            "expires_at": format_optional_time(link.expires_at),
            "left": asdict(listed.left(self._defaults)),
            "file_bytes_max": link.limits.file_bytes or self._defaults.file_bytes,
            "needs_passphrase": not entered,
            "state": self._guests.state(link).value,
        }
        return web.json_response(body)

    async def passphrase(self, request: web.Request) -> web.Response:
        """Let the browser in: 204 with a cookie that stands for the passphrase."""
        listed, _ = await self._find(request)
        body = await read_json(request, Passphrase)
        response = web.Response(status=204)
        await self._gate.give_passphrase(request, response, listed.link, body.passphrase)
        return response

    async def uploads(self, request: web.Request) -> web.Response:
        """List what this browser sent by the link, newest first."""
        listed, owner = await self._find(request, ended=True)
        serialize = self._serializer.upload if wants_full_rows(request) else self._serializer.upload_row

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            ids, next_cursor = await self._guests.uploads(listed.link.id, owner, cursor, limit)
            return [await serialize(await self._intake.show(upload_id, None)) for upload_id in ids], next_cursor

        return await page_response(request, "uploads", read)

    async def receipt(self, request: web.Request) -> web.Response:
        """Return what arrived of a finished upload, as JSON or as text. Raise WrongState if it is not finished."""
        listed, owner = await self._find(request, ended=True)
        view = await self._intake.show(request.match_info["id"], None)
        upload = view.upload
        if upload.account != listed.link.id or upload.owner != owner:
            raise UnknownUpload
        if upload.state is not State.SPOOLED or upload.facts is None:
            raise upload.refusal()
        receipt = _receipt(view, listed.link.title)
        if "application/json" in request.headers.get(hdrs.ACCEPT, ""):
            return web.json_response(receipt)
        lines = [f"{name.replace('_', ' ')}: {value}" for name, value in receipt.items() if value is not None]
        return web.Response(text="\n".join(lines) + "\n")

    async def _find(self, request: web.Request, *, ended: bool = False) -> tuple[ListedLink, str]:
        """Return the link of the URL, and the guest's owner. Raise UnknownLink, LinkEnded."""
        caller = await self._authenticator.identify(request)
        return await self._guests.find(request.match_info["secret"], caller.owner, ended=ended), caller.owner


def _receipt(view: UploadView, title: str) -> dict[str, Any]:
    """Return the receipt of a spooled upload."""
    upload = view.upload
    assert upload.facts is not None
    return {
        "link": title,
        "name": upload.filename,
        "sender": upload.sender,
        "bytes": upload.facts.size,
        "sha256": upload.facts.sha256.hex(),
        "duration": upload.facts.duration,
        "received_at": format_time(upload.updated_at),
        "id": upload.id,
    }
