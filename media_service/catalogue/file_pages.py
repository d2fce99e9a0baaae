"""Read pages of files: keyset pagination in each order, search, and the files that one person may see.

Each order has an index, the grams have one, and so have collections and accounts, but none has two of these. How a page
of a search, or of some collections and an account, is found fast in them differs by engine: `sqlite/file_search.py` and
`postgresql/file_search.py` choose among these ways, and find the same:

- Sort: read all files with the grams of the words, or of the collections, and sort them.
- Compare: read files in their order, and compare their text, or collection.
- Look up: read the index of the order, and look up which files have the grams, or are of the collections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from media_service.catalogue.constructs import numbers_column
from media_service.catalogue.file_orders import Order, Range, order_named
from media_service.catalogue.file_statements import compared_files, next_files, sorted_files
from media_service.catalogue.gram_index import grams_query
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.text_index import fold, grams_of_search
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from media_service.catalogue.compiled import CompiledStatement, Statement
    from media_service.catalogue.engine import Row

    Read: TypeAlias = Callable[[Statement], Awaitable[Sequence[Row]]]
    Find: TypeAlias = "Callable[[Read, Wanted], Awaitable[Sequence[Row]]]"

SEARCH_WORDS = 64
SEARCH_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Shown:
    """Files to list: those of an account, and those of collections."""

    account: str
    collections: Collection[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The next `rows` files with a number of words, if `shown` only some of them, in ranges of an order.

    `values`: what statements bind.
    """

    order: Order
    ranges: Sequence[Range]
    rows: int
    grams: Sequence[str]
    words: int
    shown: bool
    values: dict[str, Any]


async def read_files(
    read: Read, find: Find, search: str, order: str, cursor: str | None, *, limit: int, shown: Shown | None = None
) -> Sequence[Row]:
    """Read one file more than the page has, each with its `key` and `number`. Raise Malformed.

    `find`: the engine's way to find some of all files. `shown` None: all.
    """
    by, words, rows = order_named(order), search_words(search), limit + 1
    key, number = ("", 0) if cursor is None else decode_cursor(cursor, by.kind, int)
    behind = None if cursor is None else key
    values: dict[str, Any] = {"key": key, "number": number, "rows": rows}
    if not words and shown is None:
        return await read_ranges(read, by.ranges(behind), lambda part: next_files(by, part), values)
    grams = grams_of_search(words)
    values |= {f"word_{number}": word for number, word in enumerate(words)} | {"grams": grams_query(grams)}
    if shown is not None:
        values |= {"account": shown.account, "collections": sorted(shown.collections)}
    return await find(read, Wanted(by, by.merged_ranges(behind), rows, grams, len(words), shown is not None, values))


async def compare(read: Read, wanted: Wanted, compared: int) -> Sequence[Row]:
    """Read so many files of the first range, and compare each."""
    statement = compared_files(wanted.order, wanted.ranges[0], wanted.words, shown=wanted.shown)
    return await read(statement.bind(wanted.values | {"compared": compared}))


async def sort(read: Read, wanted: Wanted, numbers: Iterable[int]) -> Sequence[Row]:
    """Read the files with these numbers, compare and sort them."""
    statement = sorted_files(wanted.order, wanted.ranges, wanted.words, shown=wanted.shown)
    return await read(statement.bind(wanted.values | {"numbers": numbers_column(numbers)}))


async def read_ranges(
    read: Read, ranges: Sequence[Range], statement: Callable[[Range], CompiledStatement], values: dict[str, Any]
) -> Sequence[Row]:
    """Read one range after the other until there are enough rows."""
    found: list[Row] = []
    for part in ranges:
        found += await read(statement(part).bind(values | {"rows": values["rows"] - len(found)}))
        if len(found) == values["rows"]:
            break
    return found


def search_words(search: str) -> list[str]:
    """Return the words, folded like the searched text. Raise Malformed."""
    folded = fold(search)
    words = folded.split()
    if len(words) > SEARCH_WORDS or len(folded) > SEARCH_CHARACTERS:
        raise Malformed("search", f"more than {SEARCH_WORDS} words or {SEARCH_CHARACTERS} characters")
    if "\0" in folded:
        raise Malformed("search", "contains a NUL character")  # which is no text in PostgreSQL
    return words
