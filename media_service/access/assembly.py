"""Build the services for people from the adapters: for a receiver, and for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.access.collection_names import CollectionNames
from media_service.access.people import People
from media_service.access.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.access.audit import AuditTrail
    from media_service.core.ports.accounts import Accounts
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
