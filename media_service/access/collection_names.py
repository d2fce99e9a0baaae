"""Collections by the names that clients use for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.collections import UnknownCollection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.ports.accounts import Accounts


class CollectionNames:
    """Translates between slugs and ids."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def ids(self, slugs: Iterable[str]) -> frozenset[str]:
        """Return the ids of these collections. Raise UnknownCollection."""
        wanted = frozenset(slugs)
        found = await self._accounts.collection_ids(wanted) if wanted else {}
        if len(found) < len(wanted):
            raise UnknownCollection
        return frozenset(found.values())

    async def slugs(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the slugs of these collections by id."""
        wanted = frozenset(ids)
        return await self._accounts.collection_slugs(wanted) if wanted else {}
