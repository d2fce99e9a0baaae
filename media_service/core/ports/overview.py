"""Contract for the figures of the start page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from media_service.core.overview import OverviewCounts


class Overview(Protocol):
    """Counts rows, each figure up to MOST_COUNTED."""

    async def counts(
        self, since: int, *, owner: str | None = None, collections: Collection[str] = ()
    ) -> OverviewCounts:
        """Return the figures since a time (UTC microseconds): what the owner sent, and what is in the collections.

        `owner` None counts everything. Of rejected uploads the newest ones are looked at. Raise CatalogueError.
        """
