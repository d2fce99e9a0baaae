"""Build the services for people from the adapters: for a receiver, and for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.access.audit import AuditTrail
from media_service.access.collection_names import CollectionNames
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


class AccessParts:
    """The services for people. `forget` as of `People`."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        locks: Locks,
        audit: AuditTrail,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        forget: Callable[[], None],
    ) -> None:
        self.people = People(accounts, passwords, locks, audit, clock=clock, new_id=new_id, forget=forget)
        self.tokens = Tokens(accounts, audit, clock=clock, new_id=new_id, forget=forget)
        self.names = CollectionNames(accounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessAdapters:
    """What the services for people are built on. `clock` returns UTC microseconds."""

    accounts: Accounts
    audit: AuditLog
    collections: Collections
    guest_links: GuestLinks
    locks: Locks
    bus: Bus
    clock: Callable[[], int]
    new_id: Callable[[], str]


class ReceiverAccess(AccessParts):
    """The services for people in a receiver.

    `log_failure` as of `AuditTrail`; `link_lifetime` in microseconds; `creates_senders` as of `Identities`.
    """

    def __init__(
        self,
        adapters: AccessAdapters,
        *,
        log_failure: Callable[..., None],
        link_lifetime: int,
        creates_senders: bool,
    ) -> None:
        accounts, clock, new_id = adapters.accounts, adapters.clock, adapters.new_id
        self.audit = AuditTrail(adapters.audit, clock, log_failure)
        self.credentials = Credentials(accounts, clock)
        self._passwords = passwords = PasswordHasher()
        forget = self.credentials.forget
        super().__init__(accounts, passwords, adapters.locks, self.audit, clock=clock, new_id=new_id, forget=forget)
        throttle = SignInThrottle(adapters.bus)
        self.sign_in = SignIn(accounts, passwords, throttle, self.people, clock)
        self.identities = Identities(accounts, clock, new_id, creates_senders=creates_senders)
        self.collections = CollectionService(adapters.collections, self.audit, clock=clock, new_id=new_id)
        self.guests = Guests(adapters.guest_links, passwords, throttle, clock)
        self.links = GuestLinkService(
            adapters.guest_links,
            passwords,
            self.audit,
            lifetime=link_lifetime,
            clock=clock,
            new_id=new_id,
            forget=forget,
        )

    async def close(self) -> None:
        """Write what is only in memory, and end the thread that hashes."""
        self._passwords.close()
        await self.credentials.save_seen()
        await self.audit.store_failures()
