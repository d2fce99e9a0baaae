"""Create, list, change and close guest links."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.access.credentials import token_digest
from media_service.core.access import LINK_PREFIX, Scope
from media_service.core.accounts import Token, TokenKind
from media_service.core.errors.links import UnknownLink
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import PASSPHRASE_CHARACTERS, GuestLink, with_terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.access import Viewer
    from media_service.core.guest_links import LinkTerms, ListedLink
    from media_service.core.ports.guest_links import GuestLinks
    from media_service.core.ports.passwords import Passwords


class GuestLinkService:
    """Guest links of a service. Methods with an id raise UnknownLink, also if the viewer may not see the link.

    A viewer sees the links that its owners have created, and those for its collections; None sees every link.
    `lifetime`: microseconds after which a new link expires if its terms do not say when. All methods raise
    CatalogueError, and those that change Malformed, StorageFull and, with a passphrase, TooManyRequests.
    """

    def __init__(
        self,
        links: GuestLinks,
        passwords: Passwords,
        *,
        lifetime: int,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._links = links
        self._passwords = passwords
        self._lifetime = lifetime
        self._clock = clock
        self._new_id = new_id

    def now(self) -> int:
        """Return the time by which the states of links are decided."""
        return self._clock()

    async def create(self, terms: LinkTerms, creator: str | None) -> tuple[ListedLink, str]:
        """Return a new link and its secret, of which only a digest is kept. `creator`: the id of a person.

        Terms come with the passphrase itself, which is replaced by its hash; None or an empty one for none.
        """
        now = self._clock()
        blank = GuestLink(
            id=LINK_PREFIX + self._new_id(),
            title="",
            created_at=now,
            created_by=creator,
            expires_at=now + self._lifetime,
        )
        link = with_terms(blank, await self._with_hash(terms), now)
        secret = _new_secret()
        await self._links.add_link(link, self._token_of(link), token_digest(secret))
        return await self._listed(link.id, None), secret

    async def page(self, viewer: Viewer | None, cursor: str | None, limit: int) -> tuple[list[ListedLink], str | None]:
        """Return a page of links, newest first, and the next page's cursor. Raise Malformed."""
        return await self._links.links(viewer, cursor, limit)

    async def show(self, link_id: str, viewer: Viewer | None) -> ListedLink:
        """Return the link."""
        return await self._listed(link_id, viewer)

    async def change(self, link_id: str, viewer: Viewer | None, terms: LinkTerms) -> ListedLink:
        """Return the link with these terms, as those of `create`."""
        listed = await self._listed(link_id, viewer)
        link = with_terms(listed.link, await self._with_hash(terms), self._clock())
        await self._links.save_link(link)
        # Its collection, and so its name, may be another one.
        return await self._listed(link.id, None)

    async def renew_secret(self, link_id: str, viewer: Viewer | None) -> tuple[ListedLink, str]:
        """Return the link and a new secret. The old one is unknown from now on."""
        listed, secret = await self._listed(link_id, viewer), _new_secret()
        token = replace(self._token_of(listed.link), created_at=self._clock())
        await self._links.replace_token(token, token_digest(secret), token.created_at)
        return listed, secret

    async def _listed(self, link_id: str, viewer: Viewer | None) -> ListedLink:
        listed = await self._links.listed(link_id)
        if listed is None or not _sees(viewer, listed.link):
            raise UnknownLink
        return listed

    async def _with_hash(self, terms: LinkTerms) -> LinkTerms:
        """Return the terms with the hash of the passphrase. Raise Malformed, TooManyRequests."""
        if "passphrase" not in terms:
            return terms
        passphrase = terms["passphrase"] or ""
        if len(passphrase) > PASSPHRASE_CHARACTERS:
            raise Malformed("passphrase", f"it is longer than {PASSPHRASE_CHARACTERS} characters")
        return {**terms, "passphrase": await self._passwords.hash(passphrase) if passphrase else None}

    def _token_of(self, link: GuestLink) -> Token:
        """Return a token of the link. It does not expire: guests see what they sent after the deadline."""
        return Token(
            id=self._new_id(),
            kind=TokenKind.LINK,
            owner=link.id,
            created_at=link.created_at,
            scopes=frozenset({Scope.UPLOAD}),
            collection=link.collection,
        )


def _sees(viewer: Viewer | None, link: GuestLink) -> bool:
    return viewer is None or link.created_by in viewer.owners or link.collection in viewer.collections


def _new_secret() -> str:
    return f"ms_{secrets.token_urlsafe(32)}"
