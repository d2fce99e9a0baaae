"""Read pages of files: keyset pagination in each order, and search.

Each order has an index, and the grams have one, but none has both. So a search has three ways; with 1,000,000 files:

- Sort: read all files with the grams of its words, and sort them: 2 ms for each thousand. It is for `SORTED_FILES` or
  fewer.
- Compare: read files in their order, and compare their text: 3 ms for each thousand. It is for words that some of a
  hundred files have, as the first finds tell; beyond `COMPARED_FILES` it is slow.
- Look up: read the index of the order, and look each file up among those with the grams: 0.2 ms for each thousand of
  either. It is for what is between, and for a word of which all files stand at the other end of the order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, or_, select

from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.file_orders import Order, Range, order_named
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.sqlite_dialect import unindexed
from media_service.catalogue.sqlite_grams import contains, files_with_grams, grams_query, is_among, numbers_column
from media_service.catalogue.tables import files, listed_files
from media_service.catalogue.text_index import fold, grams_of_search
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from sqlite3 import Row

    from sqlalchemy import ColumnElement, Select

    from media_service.catalogue.compiled import Statement

    Read = Callable[[Statement], Awaitable[list[Row]]]

SEARCH_WORDS = 64
SEARCH_CHARACTERS = 8192
SORTED_FILES = 3000
COMPARED_FILES = 1500  # twice as many for several grams, whose lists take longer to read
CACHED_STATEMENTS = 128  # of each kind; a hostile client could ask for each number of words in each order


async def read_files(read: Read, search: str, order: str, cursor: str | None, limit: int) -> list[Row]:
    """Read one file more than the page has, each with its `key` and `number`. Raise Malformed."""
    wanted, words = order_named(order), search_words(search)
    key, number = ("", 0) if cursor is None else decode_cursor(cursor, wanted.kind, int)
    behind = None if cursor is None else key
    values: dict[str, Any] = {"key": key, "number": number, "rows": limit + 1}
    if words:
        return await _search(read, words, wanted, wanted.merged_ranges(behind), values)
    return await _read_ranges(read, wanted.ranges(behind), lambda part: _next_files(wanted, part), values)


async def _search(
    read: Read, words: list[str], order: Order, ranges: Sequence[Range], values: dict[str, Any]
) -> list[Row]:
    """Read the next files with all words, in the way that is probably the fastest."""
    grams = grams_of_search(words)
    values |= {"grams": grams_query(grams)} | {f"word_{number}": word for number, word in enumerate(words)}
    few = await read(_found(values["grams"], SORTED_FILES + 1))
    if len(few) <= SORTED_FILES:
        numbers = numbers_column(row["number"] for row in few)
        return await read(_sorted_files(order, ranges, len(words)).bind(values | {"numbers": numbers}))
    # These are the first by number, so the last of them tells how many files there are for each that is found.
    enough = values["rows"] * few[-1]["number"] // len(few)
    if enough <= COMPARED_FILES * min(len(grams), 2):
        comparing = _compared_files(order, ranges[0], len(words))
        found = await read(comparing.bind(values | {"compared": max(2 * enough, COMPARED_FILES)}))
        if len(found) == values["rows"]:
            return found
    return await _read_ranges(read, ranges, lambda part: _looked_up_files(order, part, len(words)), values)


async def _read_ranges(
    read: Read, ranges: Sequence[Range], statement: Callable[[Range], CompiledStatement], values: dict[str, Any]
) -> list[Row]:
    """Read one range after the other until there are enough rows."""
    found: list[Row] = []
    for part in ranges:
        found += await read(statement(part).bind(values | {"rows": values["rows"] - len(found)}))
        if len(found) == values["rows"]:
            break
    return found


@compiled
def _found(grams: str, most: int) -> Select[Any]:
    """Read the numbers of files with these grams, the smallest first, up to `most`."""
    found = files_with_grams(grams)
    return found.order_by(found.selected_columns.number).limit(most)


@lru_cache(CACHED_STATEMENTS)
def _next_files(order: Order, part: Range) -> CompiledStatement:
    return CompiledStatement(_with_rows(order, _listed(order, part).limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _compared_files(order: Order, part: Range, words: int) -> CompiledStatement:
    some = _listed(order, part).limit(bindparam("compared")).subquery("some").c
    page = select(some.number, some.key, some.file_id).where(*_compare(some.text, words))
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _looked_up_files(order: Order, part: Range, words: int) -> CompiledStatement:
    # In another form than the primary key, or SQLite would read all found files and sort them.
    has_grams = unindexed(listed_files.c.number).in_(files_with_grams(bindparam("grams")))
    page = _listed(order, part).where(has_grams, *_compare(listed_files.c.text, words))
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _sorted_files(order: Order, ranges: Sequence[Range], words: int) -> CompiledStatement:
    # In another form than an index has it, or SQLite would read all of the index.
    key = unindexed(listed_files.c[order.column])
    page = (
        select(listed_files.c.number, key.label("key"), listed_files.c.file_id)
        .where(is_among(listed_files.c.number, bindparam("numbers")))
        .where(or_(*(order.within(part, key) for part in ranges)), *_compare(listed_files.c.text, words))
        .order_by(*order.sorting_all(key, listed_files.c.number))
    )
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


def _listed(order: Order, part: Range) -> Select[Any]:
    """Read a range of an order."""
    columns = listed_files.c
    key = columns[order.column]
    query = select(columns.number, key.label("key"), columns.file_id, columns.text).where(order.within(part, key))
    return query.order_by(*order.sorting(key, columns.number))


def _with_rows(order: Order, page: Select[Any]) -> Select[Any]:
    """Read the rows of the files of a page."""
    listed = page.subquery("page").c
    query = select(files, listed.key, listed.number).join_from(files, listed.key.table, files.c.id == listed.file_id)
    return query.order_by(*order.sorting_all(listed.key, listed.number))


def _compare(text: ColumnElement[str], words: int) -> list[ColumnElement[bool]]:
    return [contains(text, bindparam(f"word_{number}")) for number in range(words)]


def search_words(search: str) -> list[str]:
    """Return the words, folded like the searched text. Raise Malformed."""
    folded = fold(search)
    words = folded.split()
    if len(words) > SEARCH_WORDS or len(folded) > SEARCH_CHARACTERS:
        raise Malformed("search", f"more than {SEARCH_WORDS} words or {SEARCH_CHARACTERS} characters")
    if "\0" in folded:
        raise Malformed("search", "contains a NUL character")  # which is no text in PostgreSQL
    return words
