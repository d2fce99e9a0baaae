"""Admit the uploads of guests: the terms of their link hold in every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.links import Asked
from media_service.core.guest_links import Ask, check_asked
from media_service.http.security.caller import CallerKind
from media_service.http.security.proxies import client_ip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from media_service.access.guests import Guests
    from media_service.core.guest_links import GuestLink
    from media_service.core.lifecycle import UploadRequest
    from media_service.core.upload import Upload
    from media_service.http.security.caller import Caller
    from media_service.http.security.cookies import Cookies

PASSPHRASE_HEADER = "Upload-Passphrase"  # noqa: S105  # a name
PASSPHRASE_COOKIE = "media_service_passphrase"  # noqa: S105  # a name
PASSPHRASE_COOKIE_SECONDS = 30 * 24 * 3600


class GuestGate:
    """Check the terms of links before uploads are created."""

    def __init__(self, guests: Guests, cookies: Cookies) -> None:
        self._guests = guests
        self._cookies = cookies

    async def admit(self, request: web.Request, caller: Caller, upload: UploadRequest) -> None:
        """Check that the caller may create the upload. Raise Asked, and as `open_link` and `check_passphrase`."""
        link = await self.open_link(caller)
        if link is not None:
            await self.check_passphrase(request, link)
            check_asked(link.asks, upload)

    async def check_removal(self, upload: Upload, removed: Iterable[str]) -> None:
        """Raise Asked if the upload came by a link that requires one of these details."""
        asks = await self._guests.asks(upload.account)
        if required := [name for name in removed if getattr(asks, name) is Ask.REQUIRED]:
            raise Asked(required)

    async def open_link(self, caller: Caller) -> GuestLink | None:
        """Return the caller's link, which takes uploads now; None if the caller is not a guest.

        Raise LinkEarly, UnknownLink, LinkEnded.
        """
        if caller.kind is not CallerKind.LINK or caller.account is None:
            return None
        return await self._guests.open_link(caller.account, caller.owner)

    async def check_passphrase(self, request: web.Request, link: GuestLink, passphrase: str | None = None) -> None:
        """Check that the guest knows the passphrase, if the link has one. Raise PassphraseRequired, TooManyRequests.

        `passphrase`: that of a form. Others send it in a header, or have the cookie of `give_passphrase`.
        """
        if not self.has_entered(request, link):
            given = passphrase or str(request.headers.get(PASSPHRASE_HEADER, ""))
            await self._guests.prove(link, given, client_ip(request))

    def has_entered(self, request: web.Request, link: GuestLink) -> bool:
        """Return whether the link has no passphrase, or the browser has given it."""
        return self._guests.has_entered(link, self._proof(request))

    async def give_passphrase(
        self, request: web.Request, response: web.StreamResponse, link: GuestLink, passphrase: str
    ) -> None:
        """Set the cookie that stands for the right passphrase. Raise PassphraseRequired, TooManyRequests."""
        proof = await self._guests.prove(link, passphrase, client_ip(request))
        secure = request.headers.get("Origin", "").startswith("https:")
        seconds = PASSPHRASE_COOKIE_SECONDS
        self._cookies.write(response, PASSPHRASE_COOKIE, proof, seconds=seconds, samesite="Lax", secure=secure)

    def _proof(self, request: web.Request) -> str:
        return self._cookies.read(request, PASSPHRASE_COOKIE)
