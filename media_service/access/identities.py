"""Find the person whom a trusted proxy has signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.access import Role
from media_service.core.audit import Actor
from media_service.core.errors.access import NameTaken
from media_service.core.people import NewPerson, name_key

if TYPE_CHECKING:
    from media_service.access.people import People
    from media_service.core.accounts import Owner
    from media_service.core.ports.accounts import Accounts


class Identities:
    """Persons by the names that a proxy knows. `creates_senders`: an unknown name becomes a sender."""

    def __init__(self, accounts: Accounts, people: People, *, creates_senders: bool) -> None:
        self._accounts = accounts
        self._people = people
        self._creates_senders = creates_senders

    async def person(self, name: str, address: str | None) -> Owner | None:
        """Return the person, None if there is none or it is disabled. `address`: the client's, for the audit trail.

        Raise Malformed, StorageFull, CatalogueError.
        """
        found = await self._accounts.person_named(name_key(name))
        if found is None and self._creates_senders:
            try:
                found = await self._people.add(NewPerson(name, Role.SENDER), Actor(None, address=address))
            except NameTaken:
                # Another request has added it just now.
                found = await self._accounts.person_named(name_key(name))
        return None if found is None or found.disabled_at is not None else found
