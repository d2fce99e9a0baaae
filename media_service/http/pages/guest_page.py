"""The page of a guest link, `/u/{secret}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from media_service.core.guest_links import LinkState
from media_service.http.pages.guest_markup import greeting, guest_page

if TYPE_CHECKING:
    from media_service.access.guests import Guests
    from media_service.access.rates import Rates
    from media_service.core.guest_links import GuestLink
    from media_service.http.pages.page_markup import Localizer, PageMarkup
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.guests import GuestGate


class GuestPage:
    """Handle `GET /u/{secret}`. Opening it uses nothing of the link: mail scanners and chat previews do so too."""

    def __init__(
        self, guests: Guests, gate: GuestGate, authenticator: Authenticator, markup: PageMarkup, rates: Rates
    ) -> None:
        self._guests = guests
        self._rates = rates
        self._gate = gate
        self._authenticator = authenticator
        self._markup = markup

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.get("/u/{secret}", self.show)]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return the page, with a cookie for a new browser. 410 after the end, for browsers that have sent something.

        Raise UnknownLink, TooManyRequests.
        """
        caller = await self._authenticator.identify(request)
        self._rates.link_opening(caller.address)
        link = (await self._guests.find(request.match_info["secret"], caller.owner, ended=True)).link
        state = self._guests.state(link)
        accepted = request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
        page = self._markup.page("index.html", accepted)
        plain = self._without_scripts(self._markup.localizer(accepted), link, state, request)
        response = web.Response(
            text=guest_page(page.plain.decode(), plain),
            status=410 if state in (LinkState.EXPIRED, LinkState.CLOSED) else 200,
            headers={"Content-Security-Policy": page.policy, hdrs.VARY: hdrs.ACCEPT_LANGUAGE},
            content_type="text/html",
        )
        response.enable_compression()
        self._authenticator.ensure_browser_cookie(request, response)
        return response

    def _without_scripts(self, localizer: Localizer, link: GuestLink, state: LinkState, request: web.Request) -> str:
        """Return the greeting and the form, or why there is none."""
        head = greeting(link, with_note=self._gate.has_entered(request, link))
        if state is LinkState.OPEN:
            lead = f'<p class="lead">{localizer.all("plain.lead")}</p>'
            # An empty action is this page's own URL.
            return f"{head}\n  {lead}\n{self._markup.plain_form(localizer, '', {}, link)}"
        why = "link_early" if state is LinkState.EARLY else "link_ended"
        return f'{head}\n  <p class="message">{localizer.all(f"plain.why.{why}")}</p>'
