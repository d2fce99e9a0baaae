"""Find the person whom a trusted proxy has signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.access import PERSON_PREFIX, Role
from media_service.core.accounts import Owner, OwnerKind
from media_service.core.people import clean_name, name_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.accounts import Accounts


class Identities:
    """Persons by the names that a proxy knows. `creates_senders`: an unknown name becomes a sender."""

    def __init__(
        self, accounts: Accounts, clock: Callable[[], int], new_id: Callable[[], str], *, creates_senders: bool
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._new_id = new_id
        self._creates_senders = creates_senders

    async def person(self, name: str) -> Owner | None:
        """Return the person, None if there is none or it is disabled. Raise Malformed, StorageFull, CatalogueError."""
        found = await self._accounts.person_named(name_key(name))
        if found is None and self._creates_senders:
            sender = Owner(
                id=PERSON_PREFIX + self._new_id(),
                kind=OwnerKind.PERSON,
                role=Role.SENDER,
                name=clean_name(name),
                created_at=self._clock(),
            )
            # Another process may have added it just now.
            added = await self._accounts.add_owner(sender, name_key(name))
            found = sender if added else await self._accounts.person_named(name_key(name))
        return None if found is None or found.disabled_at is not None else found
