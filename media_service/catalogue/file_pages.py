"""Read pages of files: keyset pagination in each order, and search.

Each order has an index. A search has two ways, of which neither is fast for every word. Sort: read the files that have
the grams of its words, and sort them; fast if they are few. Walk: read files in their order, and compare; fast if many
match. So the files with the grams are counted, up to `SORTED_FILES`, which decides. A walk ends after `WALKED_FILES`:
a word may be frequent and all of its files at the other end of the order. Only then more files are sorted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, or_, select

from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.file_orders import Order, Range, order_named
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.sqlite_dialect import unindexed
from media_service.catalogue.sqlite_grams import contains, files_with_grams, grams_query
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
SORTED_FILES = 5_000
WALKED_FILES = 10_000
CACHED_STATEMENTS = 128  # of each kind; a hostile client could ask for each number of words in each order


async def read_files(read: Read, search: str, order: str, cursor: str | None, limit: int) -> list[Row]:
    """Read one file more than the page has, each with its `key` and `number`. Raise Malformed."""
    wanted, words = order_named(order), _search_words(search)
    key, number = ("", 0) if cursor is None else decode_cursor(cursor, wanted.kind, int)
    ranges = wanted.ranges(None if cursor is None else key)
    values = {"key": key, "number": number, "rows": limit + 1, "walked": WALKED_FILES}
    if not words:
        return await _walk(read, wanted, ranges, values)
    values |= {f"word_{number}": word for number, word in enumerate(words)}
    grams = grams_query(grams_of_search(words))
    (counted,) = await read(_count(grams, SORTED_FILES + 1))
    if counted["files"] > SORTED_FILES:
        rows = await _walk_and_compare(read, wanted, ranges, values, len(words))
        if rows is not None:
            return rows
    return await read(_sorted_files(wanted, ranges, len(words)).bind(values | {"grams": grams}))


async def _walk(read: Read, order: Order, ranges: Sequence[Range], values: dict[str, Any]) -> list[Row]:
    """Read the next files."""
    found: list[Row] = []
    for part in ranges:
        found += await read(_next_files(order, part).bind(values | {"rows": values["rows"] - len(found)}))
        if len(found) == values["rows"]:
            break
    return found


async def _walk_and_compare(
    read: Read, order: Order, ranges: Sequence[Range], values: dict[str, Any], words: int
) -> list[Row] | None:
    """Read the next files that contain the words; None if not enough are among those that are walked."""
    found: list[Row] = []
    for part in ranges:
        rest = values | {"rows": values["rows"] - len(found)}
        found += await read(_next_files_with_words(order, part, words).bind(rest))
        if len(found) == values["rows"]:
            break
        if await read(_next_unwalked(order, part).bind(values)):
            return None
    return found


@compiled
def _count(grams: str, most: int) -> Select[Any]:
    """Count the files with these grams, up to `most`."""
    return select(func.count().label("files")).select_from(files_with_grams(grams).limit(most).subquery())


@lru_cache(CACHED_STATEMENTS)
def _next_files(order: Order, part: Range) -> CompiledStatement:
    return CompiledStatement(_with_rows(order, _listed(order, part).limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _next_files_with_words(order: Order, part: Range, words: int) -> CompiledStatement:
    walked = _listed(order, part).limit(bindparam("walked")).subquery("walked").c
    page = select(walked.number, walked.key, walked.file_id, walked.text).where(*_compare(walked.text, words))
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _next_unwalked(order: Order, part: Range) -> CompiledStatement:
    return CompiledStatement(_listed(order, part).limit(1).offset(bindparam("walked")))


@lru_cache(CACHED_STATEMENTS)
def _sorted_files(order: Order, ranges: Sequence[Range], words: int) -> CompiledStatement:
    # In another form than an index has it, or SQLite would walk the index and look each file up among the found ones.
    key = unindexed(listed_files.c[order.column])
    found = files_with_grams(bindparam("grams")).subquery("found").c
    columns = listed_files.c.number, key.label("key"), listed_files.c.file_id
    page = (
        select(*columns)
        .where(listed_files.c.number == found.number)
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


def _search_words(search: str) -> list[str]:
    """Return the words, folded like the searched text. Raise Malformed."""
    folded = fold(search)
    words = folded.split()
    if len(words) > SEARCH_WORDS or len(folded) > SEARCH_CHARACTERS:
        raise Malformed("search", f"more than {SEARCH_WORDS} words or {SEARCH_CHARACTERS} characters")
    if "\0" in folded:
        raise Malformed("search", "contains a NUL character")  # which is no text in PostgreSQL
    return words
