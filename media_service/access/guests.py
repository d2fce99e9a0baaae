"""What guests may do with a link: send until its end, and see what they sent."""

from __future__ import annotations

import base64
import hmac
import time
from typing import TYPE_CHECKING

from media_service.access.credentials import FRESH_SECONDS, token_digest
from media_service.access.recent_keys import RecentKeys
from media_service.core.access import LINK_PREFIX, is_shared
from media_service.core.audit import Subject
from media_service.core.errors.links import LinkEarly, LinkEnded, PassphraseRequired, UnknownLink
from media_service.core.guest_links import ASKS_NOTHING, LinkLabel, LinkState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.access.audit import AuditTrail
    from media_service.access.sign_in_throttle import SignInThrottle
    from media_service.core.errors.base import Refusal
    from media_service.core.guest_links import Asks, GuestLink, ListedLink
    from media_service.core.ports.guest_links import GuestLinks
    from media_service.core.ports.passwords import Passwords


class Guests:
    """Guests of links. `clock` returns UTC microseconds.

    A guest is known by its owner: that of a browser's cookie, or the link's own for scripts without a cookie, which are
    not one person. Who has sent nothing by a link that has ended, gets UnknownLink as for one that never existed.
    """

    def __init__(
        self,
        links: GuestLinks,
        passwords: Passwords,
        throttle: SignInThrottle,
        audit: AuditTrail,
        clock: Callable[[], int],
    ) -> None:
        self._links = links
        self._audit = audit
        self._passwords = passwords
        self._throttle = throttle
        self._clock = clock
        self._origins = RecentKeys[tuple[float, frozenset[str]]]()
        self._labels = RecentKeys[tuple[float, LinkLabel | None]]()

    async def find(self, secret: str, owner: str, *, ended: bool = False) -> ListedLink:
        """Return the link of a secret, with `ended` also one that has ended, to those who have sent something by it.

        Raise UnknownLink, LinkEnded.
        """
        listed = await self._links.listed_of_secret(token_digest(secret))
        if listed is None:
            raise UnknownLink
        if listed.link.ended_at(self._clock()) is not None:
            refusal = await self._end_of(listed.link, owner)
            if not (ended and isinstance(refusal, LinkEnded)):
                raise refusal
        return listed

    def state(self, link: GuestLink) -> LinkState:
        """Return the state of the link now."""
        return link.state(self._clock())

    async def uploads(
        self, link_id: str, owner: str, cursor: str | None, limit: int
    ) -> tuple[Sequence[str], str | None]:
        """Return a page of ids of what the guest sent, newest first, and the next page's cursor. Raise Malformed."""
        if is_shared(owner):
            return [], None
        return await self._links.guest_uploads(link_id, owner, cursor, limit)

    async def open_link(self, link_id: str, owner: str) -> GuestLink:
        """Return the link if it takes uploads now. Raise LinkEarly, UnknownLink, LinkEnded."""
        link = await self._links.link(link_id)
        if link is None:
            raise UnknownLink
        state = self.state(link)
        if state is LinkState.EARLY:
            raise LinkEarly
        if state is not LinkState.OPEN:
            raise await self._end_of(link, owner)
        return link

    async def asks(self, account: str | None) -> Asks:
        """Return what is asked of uploads of this account: nothing, unless it is a link."""
        if account is None or not account.startswith(LINK_PREFIX):
            return ASKS_NOTHING
        link = await self._links.link(account)
        return ASKS_NOTHING if link is None else link.asks

    def has_entered(self, link: GuestLink, proof: str) -> bool:
        """Return whether the link has no passphrase, or `prove` returned this proof of the current one."""
        return link.passphrase is None or hmac.compare_digest(proof.encode(errors="replace"), _proof(link).encode())

    async def prove(self, link: GuestLink, passphrase: str, ip: str | None) -> str:
        """Return a proof that the guest knows the passphrase, which saves the next hash.

        It ends with the passphrase. Those who guess are slowed down, and logged with their IP address. Raise
        PassphraseRequired, TooManyRequests.
        """
        if link.passphrase is None:
            return _proof(link)
        # A request without a passphrase is not a guess, so it does not count as one.
        if not passphrase:
            raise PassphraseRequired
        with self._throttle.attempt(link.id, ip) as attempt:
            is_right = await self._passwords.verify(passphrase, link.passphrase)
            attempt.end(succeeded=is_right)
        if not is_right:
            await self._audit.sign_in_failed(ip, Subject(link.id, link.title))
            raise PassphraseRequired
        return _proof(link)

    async def allows_origin(self, origin: str, secret: str | None) -> bool:
        """Return whether pages of this origin may use the link of this secret; without one, any link."""
        # Also of links that have ended: uploads that have begun may continue.
        if secret is None:
            return await self._links.allows_origin(origin)
        digest, now = token_digest(secret), time.monotonic()
        found_at, origins = self._origins.get(digest.hex()) or (float("-inf"), frozenset[str]())
        if now > found_at + FRESH_SECONDS:
            listed = await self._links.listed_of_secret(digest)
            origins = frozenset() if listed is None else listed.link.allowed_origins
            self._origins.put(digest.hex(), (now, origins))
        return origin in origins

    async def label_of(self, account: str | None) -> LinkLabel | None:
        """Return what an upload of this account says of its link; None unless it is a link."""
        if account is None or not account.startswith(LINK_PREFIX):
            return None
        now = time.monotonic()
        found_at, label = self._labels.get(account) or (float("-inf"), None)
        if now > found_at + FRESH_SECONDS:
            link = await self._links.link(account)
            label = None if link is None else LinkLabel(link.id, link.title, link.reference)
            self._labels.put(account, (now, label))
        return label

    async def _end_of(self, link: GuestLink, owner: str) -> Refusal:
        """Return the refusal of a link that has ended."""
        if is_shared(owner) or not link.shows_uploads(self._clock()):
            return UnknownLink()
        sent, _ = await self._links.guest_uploads(link.id, owner, None, 1)
        return LinkEnded() if sent else UnknownLink()


def _proof(link: GuestLink) -> str:
    # The hash has a salt of 128 bits, which nobody outside knows.
    digest = hmac.digest((link.passphrase or "").encode(), link.id.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
