"""Orders of the listing of files, as ranges of an index each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, literal_column, true, tuple_

from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

FILE_SORT_KEYS: dict[str, type] = {
    "uploaded_at": int,
    "title": str,
    "artist": str,
    "duration": float,
    "size": int,
    "filename": str,
}
BLANK = literal_column("''", Text)


class Range(Enum):
    """A range of an order. An index reads each at once, but not the rows behind a cursor in one range."""

    ALL = "all"
    TIED = "tied"  # behind the cursor's row, with the same key
    BEYOND = "beyond"  # behind all rows with the cursor's key
    BEHIND = "behind"  # both of these; the index is read from the first row with the key, which may be far before
    BLANK = "blank"  # without a text to sort by


@dataclass(frozen=True, slots=True)
class Order:
    """An order of files: by a column, then by number. Blank texts come last, whether it is falling or rising."""

    column: str
    falling: bool

    @property
    def kind(self) -> type:
        """Return the type of the keys."""
        return FILE_SORT_KEYS[self.column]

    @property
    def is_by_date(self) -> bool:
        """Return whether dates are ranges of the order."""
        return self.column == "uploaded_at"

    @property
    def has_blanks_first(self) -> bool:
        """Return whether the index has blank texts first: they are empty, so smaller than any other."""
        return self.kind is str and not self.falling

    def ranges(self, key: object) -> tuple[Range, ...]:
        """Return the ranges behind a cursor with this key, None without a cursor, in their order."""
        if not self.has_blanks_first:
            return (Range.ALL,) if key is None else (Range.TIED, Range.BEYOND)
        if key is None:
            return (Range.BEYOND, Range.BLANK)  # beyond the empty text
        return (Range.TIED, Range.BEYOND, Range.BLANK) if key else (Range.TIED,)

    def merged_ranges(self, key: object) -> tuple[Range, ...]:
        """Return the ranges, the first two as one: for whom beginning to read costs more than the rows with one key."""
        first, *others = self.ranges(key)
        return (Range.BEHIND, *others[1:]) if Range.BEYOND in others else (first, *others)

    def within(self, part: Range, key: ColumnElement[Any], number: ColumnElement[int]) -> ColumnElement[bool]:
        """Return whether a row with this key and number is in a range, behind the parameters `key` and `number`."""
        last_key, last_number = bindparam("key", type_=key.type), bindparam("number", type_=number.type)
        if part is Range.TIED:
            return and_(key == last_key, number < last_number if self.falling else number > last_number)
        if part is Range.BEHIND:
            row, last = tuple_(key, number), tuple_(last_key, last_number)
            return row < last if self.falling else row > last
        if part is Range.BEYOND:
            return key < last_key if self.falling else key > last_key
        return key == BLANK if part is Range.BLANK else true()

    def up_to_last(self, key: ColumnElement[Any], number: ColumnElement[int]) -> ColumnElement[bool]:
        """Return whether a row comes not after the parameters `last_key` and `last_number` in one range."""
        last_key, last_number = bindparam("last_key", type_=key.type), bindparam("last_number", type_=number.type)
        row, last = tuple_(key, number), tuple_(last_key, last_number)
        return row >= last if self.falling else row <= last

    def sorting(self, key: ColumnElement[Any], number: ColumnElement[int]) -> list[ColumnElement[Any]]:
        """Return what to sort the rows of one range by: columns of its index."""
        return [key.desc(), number.desc()] if self.falling else [key, number]

    def sorting_all(self, key: ColumnElement[Any], number: ColumnElement[int]) -> list[ColumnElement[Any]]:
        """Return what to sort the rows of several ranges by."""
        return [*([key == BLANK] if self.has_blanks_first else []), *self.sorting(key, number)]


def order_named(name: str) -> Order:
    """Return the order by a sort key; `-` before it reverses the order. Raise Malformed."""
    order = Order(name.removeprefix("-"), falling=name.startswith("-"))
    if order.column not in FILE_SORT_KEYS:
        raise Malformed("sort", f"must be one of {', '.join(FILE_SORT_KEYS)}")
    return order
