"""Build the services for people from the adapters: for a receiver, and for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.access.audit import AuditTrail
from media_service.access.collections import CollectionService
from media_service.access.credentials import Credentials
from media_service.access.guest_links import GuestLinkService
from media_service.access.guests import Guests
from media_service.access.identities import Identities
from media_service.access.passwords import PasswordHasher
from media_service.access.people import People
from media_service.access.sign_in import SignIn
from media_service.access.sign_in_throttle import SignInThrottle
from media_service.access.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.accounts import Accounts
    from media_service.core.ports.audit import AuditLog
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.collections import Collections
    from media_service.core.ports.guest_links import GuestLinks
    from media_service.core.ports.locks import Locks
    from media_service.core.ports.passwords import Passwords


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessAdapters:
    """What the services for people are built on. `clock` returns UTC microseconds."""

    accounts: Accounts
    audit: AuditLog
    collections: Collections
    guest_links: GuestLinks
    locks: Locks
    clock: Callable[[], int]
    new_id: Callable[[], str]


class AccessParts:
    """The services for people, links and collections, of a receiver and of a command.

    `log_failure` as of `AuditTrail`; `link_lifetime` in microseconds; `forget` as of `People`.
    """

    def __init__(
        self,
        adapters: AccessAdapters,
        passwords: Passwords,
        *,
        log_failure: Callable[..., None],
        link_lifetime: int,
        forget: Callable[[], None],
    ) -> None:
        accounts, locks, clock, new_id = adapters.accounts, adapters.locks, adapters.clock, adapters.new_id
        self.audit = audit = AuditTrail(adapters.audit, clock, log_failure)
        self.people = People(accounts, passwords, locks, audit, clock=clock, new_id=new_id, forget=forget)
        self.tokens = Tokens(accounts, audit, clock=clock, new_id=new_id, forget=forget)
        self.collections = CollectionService(adapters.collections, locks, audit, clock=clock, new_id=new_id)
        self.links = GuestLinkService(
            adapters.guest_links,
            passwords,
            locks,
            audit,
            lifetime=link_lifetime,
            clock=clock,
            new_id=new_id,
            forget=forget,
        )


class ReceiverAccess(AccessParts):
    """The services for people in a receiver. `creates_senders` as of `Identities`."""

    def __init__(
        self,
        adapters: AccessAdapters,
        bus: Bus,
        *,
        log_failure: Callable[..., None],
        link_lifetime: int,
        creates_senders: bool,
    ) -> None:
        accounts, clock = adapters.accounts, adapters.clock
        self.credentials = Credentials(accounts, clock)
        self._passwords = passwords = PasswordHasher()
        forget = self.credentials.forget
        super().__init__(adapters, passwords, log_failure=log_failure, link_lifetime=link_lifetime, forget=forget)
        throttle = SignInThrottle(bus)
        self.sign_in = SignIn(accounts, passwords, throttle, self.people, clock)
        self.identities = Identities(accounts, self.people, creates_senders=creates_senders)
        self.guests = Guests(adapters.guest_links, passwords, throttle, self.audit, clock)

    async def close(self) -> None:
        """Write what is only in memory, and end the thread that hashes."""
        self._passwords.close()
        await self.credentials.save_seen()
        await self.audit.store_failures()
