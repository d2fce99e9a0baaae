"""Create, list, change and close guest links."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.access.change_lock import change_lock
from media_service.access.credentials import token_digest
from media_service.access.new_secret import new_secret
from media_service.core.access import LINK_PREFIX, Scope
from media_service.core.accounts import Token, TokenKind
from media_service.core.audit import ADMIN_TOKEN, Action, Subject
from media_service.core.errors.links import UnknownLink
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import PASSPHRASE_CHARACTERS, GuestLink, with_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from media_service.access.audit import AuditTrail
    from media_service.core.access import Viewer
    from media_service.core.audit import Actor, AuditEntry
    from media_service.core.guest_links import LinkTerms, ListedLink
    from media_service.core.ports.guest_links import GuestLinks
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.passwords import Passwords


class GuestLinkService:
    """Guest links of a service. Methods with an id raise UnknownLink, also if the viewer may not see the link.

    A viewer sees the links for its collections, and of those for the general one what its owners have created; None
    sees every link.
    `lifetime`: microseconds after which a new link expires if its terms do not say when. `forget` lets go of
    credentials that this process has cached. All methods raise CatalogueError, and those that change Malformed,
    ChangedMeanwhile, StorageFull and, with a passphrase, TooManyRequests.
    """

    def __init__(
        self,
        links: GuestLinks,
        passwords: Passwords,
        locks: Locks,
        audit: AuditTrail,
        *,
        lifetime: int,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        forget: Callable[[], None],
    ) -> None:
        self._links = links
        self._passwords = passwords
        self._locks = locks
        self._audit = audit
        self._lifetime = lifetime
        self._clock = clock
        self._new_id = new_id
        self._forget = forget

    def now(self) -> int:
        """Return the time by which the states of links are decided."""
        return self._clock()

    async def create(self, actor: Actor, terms: LinkTerms) -> tuple[ListedLink, str]:
        """Return a new link and its secret, of which only a digest is kept.

        Terms come with the passphrase itself, which is replaced by its hash; None or an empty one for none.
        """
        now, secret = self._clock(), new_secret()
        blank = GuestLink(
            id=LINK_PREFIX + self._new_id(),
            title="",
            created_at=now,
            created_by=None if actor.id == ADMIN_TOKEN else actor.id,
            expires_at=now + self._lifetime,
        )
        link = with_terms(blank, await self._with_hash(terms), now)
        entry = self._entry(actor, Action.LINK_MADE, link)
        await self._links.add_link(link, self._token_of(link), token_digest(secret), entry)
        self._audit.report(entry)
        return await self._listed(link.id, None), secret

    async def page(self, viewer: Viewer | None, cursor: str | None, limit: int) -> tuple[list[ListedLink], str | None]:
        """Return a page of links, newest first, and the next page's cursor. Raise Malformed."""
        return await self._links.links(viewer, cursor, limit)

    async def show(self, link_id: str, viewer: Viewer | None) -> ListedLink:
        """Return the link."""
        return await self._listed(link_id, viewer)

    async def change(self, actor: Actor, link_id: str, viewer: Viewer | None, terms: LinkTerms) -> ListedLink:
        """Return the link with these terms, as those of `create`."""
        return await self._change(actor, Action.LINK_CHANGED, link_id, viewer, terms)

    async def close(self, actor: Actor, link_id: str, viewer: Viewer | None) -> None:
        """Take no more uploads. What was sent stays, and what is being sent goes on."""
        await self._change(actor, Action.LINK_CLOSED, link_id, viewer, {"closed": True})

    async def renew_secret(self, actor: Actor, link_id: str, viewer: Viewer | None) -> tuple[ListedLink, str]:
        """Return the link and a new secret. The old one is unknown from now on."""
        secret = new_secret()
        async with change_lock(self._locks, link_id):
            listed = await self._listed(link_id, viewer)
            token = replace(self._token_of(listed.link), created_at=self._clock())
            entry = self._entry(actor, Action.LINK_CHANGED, listed.link, ["secret"])
            await self._links.replace_token(token, token_digest(secret), entry)
        self._forget()
        self._audit.report(entry)
        return listed, secret

    async def _change(
        self, actor: Actor, action: Action, link_id: str, viewer: Viewer | None, terms: LinkTerms
    ) -> ListedLink:
        hashed = await self._with_hash(terms)
        async with change_lock(self._locks, link_id):
            link = with_terms((await self._listed(link_id, viewer)).link, hashed, self._clock())
            entry = self._entry(actor, action, link, terms)
            await self._links.save_link(link, entry)
        self._forget()
        self._audit.report(entry)
        # Read again: it may be in another collection now, whose name the caller shows.
        return await self._listed(link.id, None)

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

    def _entry(self, actor: Actor, action: Action, link: GuestLink, changed: Collection[str] = ()) -> AuditEntry:
        """Return the entry of a change of these members, whose values it does not have."""
        return self._audit.entry(actor, action, Subject(link.id, link.title), details={"changed": sorted(changed)})


def _sees(viewer: Viewer | None, link: GuestLink) -> bool:
    """Return whether the viewer may see and change the link.

    Who has lost a collection must not open their own links for it again.
    """
    if viewer is None:
        return True
    return link.created_by in viewer.owners if link.collection is None else link.collection in viewer.collections
