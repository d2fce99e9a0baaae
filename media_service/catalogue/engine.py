"""What the catalogue needs of an engine: `sqlite` and `postgresql` have one each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from media_service.catalogue.change import Change, Rows
    from media_service.catalogue.compiled import Statement


class Row(Protocol):
    """A row that was read: its columns in their order, or by number or name."""

    def __iter__(self) -> Iterator[Any]:
        """Return the columns."""

    def __getitem__(self, column: int | str, /) -> Any:
        """Return a column."""


class Reader(Protocol):
    """Execute statements that only read."""

    async def rows(self, statement: Statement) -> Sequence[Row]:
        """Return every row. Raise CatalogueError."""


class Writer(Protocol):
    """Execute changes."""

    async def execute(self, change: Change) -> Rows:
        """Return the rows that the statements returned, when the change is durable.

        Raise Refused, StorageFull, CatalogueError. After a CatalogueError the change may be durable: the connection may
        have been lost while it was committed.
        """
