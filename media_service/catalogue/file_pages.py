"""Read pages of files: keyset pagination in each order, search, and the files that one person may see.

Each order has an index, the grams have one, and so have collections and accounts, but none has two of these. So a
search has three ways, and so has the listing of some collections and an account; with 1,000,000 files:

- Sort: read all files with the grams of its words, or of the collections, and sort them: 2 ms for each thousand. It is
  for `SORTED_FILES` or fewer, or `SHOWN_FILES` of the collections.
- Compare: read files in their order, and compare their text, or collection: 3 ms for each thousand. It is for words
  that some of a hundred files have, as the first finds tell; beyond `COMPARED_FILES` it is slow. How the files of
  collections are distributed is not known, so these are compared up to there, and then looked up.
- Look up: read the index of the order, and look each file up among those with the grams, or of the collections: 0.2 ms
  for each thousand of either. It is for what is between, and for a word of which all files stand at the other end of
  the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, or_, select, union_all

from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.constructs import contains, is_among, numbers_column, unindexed
from media_service.catalogue.file_orders import Order, Range, order_named
from media_service.catalogue.gram_index import files_with_grams, grams_query
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.tables import files, listed_files
from media_service.catalogue.text_index import fold, grams_of_search
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Select

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Row

    Read = Callable[[Statement], Awaitable[Sequence[Row]]]

SEARCH_WORDS = 64
SEARCH_CHARACTERS = 8192
SORTED_FILES = 3000
SHOWN_FILES = 10_000
COMPARED_FILES = 1500  # twice as many for several grams, whose lists take longer to read
CACHED_STATEMENTS = 128  # of each kind; a hostile client could ask for each number of words in each order


@dataclass(frozen=True, slots=True)
class Shown:
    """Files to list: those of an account, and those of collections."""

    account: str
    collections: Collection[str]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Files with a number of words, if `shown` only some of them, in ranges of an order."""

    order: Order
    ranges: Sequence[Range]
    words: int
    shown: bool


async def read_files(
    read: Read, search: str, order: str, cursor: str | None, limit: int, *, shown: Shown | None = None
) -> Sequence[Row]:
    """Read one file more than the page has, each with its `key` and `number`. `shown` None: all. Raise Malformed."""
    by, words = order_named(order), search_words(search)
    key, number = ("", 0) if cursor is None else decode_cursor(cursor, by.kind, int)
    behind = None if cursor is None else key
    values: dict[str, Any] = {"key": key, "number": number, "rows": limit + 1}
    if not words and shown is None:
        return await _read_ranges(read, by.ranges(behind), lambda part: _next_files(by, part), values)
    values |= {f"word_{number}": word for number, word in enumerate(words)}
    wanted = _Wanted(by, by.merged_ranges(behind), len(words), shown is not None)
    if shown is not None:
        values |= {"account": shown.account, "collections": sorted(shown.collections)}
    if words:
        return await _search(read, words, wanted, values)
    return await _read_shown(read, wanted, values, COMPARED_FILES)


async def _search(read: Read, words: list[str], wanted: _Wanted, values: dict[str, Any]) -> Sequence[Row]:
    """Read the next files with all words, in the way that is probably the fastest."""
    grams = grams_of_search(words)
    values |= {"grams": grams_query(grams)}
    few = await read(_found(values["grams"], SORTED_FILES + 1))
    if len(few) <= SORTED_FILES:
        among = numbers_column(row["number"] for row in few)
        sorting = _sorted_files(wanted.order, wanted.ranges, wanted.words, shown=wanted.shown)
        return await read(sorting.bind(values | {"numbers": among}))
    # These are the first by number, so the last of them tells how many files there are for each that is found.
    enough = values["rows"] * few[-1]["number"] // len(few)
    compared = max(2 * enough, COMPARED_FILES) if enough <= COMPARED_FILES * min(len(grams), 2) else 0
    if wanted.shown:
        return await _read_shown(read, wanted, values, compared)
    return await _compare_or_look_up(read, wanted, values, compared)


async def _read_shown(read: Read, wanted: _Wanted, values: dict[str, Any], compared: int) -> Sequence[Row]:
    """Read the next files of the account and the collections."""
    ((count,),) = await read(_COUNT_SHOWN.bind(values | {"most": SHOWN_FILES + 1}))
    if count <= SHOWN_FILES:
        return await read(_sorted_shown_files(wanted.order, wanted.ranges, wanted.words).bind(values))
    return await _compare_or_look_up(read, wanted, values, compared)


async def _compare_or_look_up(read: Read, wanted: _Wanted, values: dict[str, Any], compared: int) -> Sequence[Row]:
    """Read files in their order, so many by comparing; if these have no full page, look all of them up."""
    order, ranges, words, shown = wanted.order, wanted.ranges, wanted.words, wanted.shown
    if compared:
        comparing = _compared_files(order, ranges[0], words, shown=shown)
        found = await read(comparing.bind(values | {"compared": compared}))
        if len(found) == values["rows"]:
            return found
    return await _read_ranges(read, ranges, lambda part: _looked_up_files(order, part, words, shown=shown), values)


async def _read_ranges(
    read: Read, ranges: Sequence[Range], statement: Callable[[Range], CompiledStatement], values: dict[str, Any]
) -> Sequence[Row]:
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
def _compared_files(order: Order, part: Range, words: int, *, shown: bool = False) -> CompiledStatement:
    some = _listed(order, part).limit(bindparam("compared")).subquery("some").c
    conditions = [*_compare(some.text, words), *([_is_shown(some.account, some.collection)] if shown else [])]
    page = select(some.number, some.key, some.file_id).where(*conditions)
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _looked_up_files(order: Order, part: Range, words: int, *, shown: bool = False) -> CompiledStatement:
    # In another form than the primary key, or SQLite would read all found files and sort them.
    number = unindexed(listed_files.c.number)
    conditions = [number.in_(_shown_numbers())] if shown else []
    if words:
        conditions.append(number.in_(files_with_grams(bindparam("grams"))))
    page = _listed(order, part).where(*conditions, *_compare(listed_files.c.text, words))
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def _sorted_files(order: Order, ranges: Sequence[Range], words: int, *, shown: bool = False) -> CompiledStatement:
    conditions = [is_among(listed_files.c.number, bindparam("numbers")), *_compare(listed_files.c.text, words)]
    if shown:
        conditions.append(_is_shown(unindexed(listed_files.c.account), unindexed(listed_files.c.collection)))
    return _sorted(order, ranges, conditions)


@lru_cache(CACHED_STATEMENTS)
def _sorted_shown_files(order: Order, ranges: Sequence[Range], words: int) -> CompiledStatement:
    return _sorted(order, ranges, [listed_files.c.number.in_(_shown_numbers()), *_compare(listed_files.c.text, words)])


def _sorted(order: Order, ranges: Sequence[Range], conditions: Sequence[ColumnElement[bool]]) -> CompiledStatement:
    # In another form than an index has it, or SQLite would read all of the index.
    key = unindexed(listed_files.c[order.column])
    page = (
        select(listed_files.c.number, key.label("key"), listed_files.c.file_id)
        .where(*conditions, or_(*(order.within(part, key) for part in ranges)))
        .order_by(*order.sorting_all(key, listed_files.c.number))
    )
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


def _listed(order: Order, part: Range) -> Select[Any]:
    """Read a range of an order."""
    columns = listed_files.c
    key = columns[order.column]
    more = columns.file_id, columns.text, columns.account, columns.collection
    query = select(columns.number, key.label("key"), *more).where(order.within(part, key))
    return query.order_by(*order.sorting(key, columns.number))


def _is_shown(account: ColumnElement[Any], collection: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(account == bindparam("account"), collection.in_(bindparam("collections", expanding=True)))


def _shown_numbers() -> CompoundSelect[Any]:
    """Read the numbers of the files of the account and the collections, some of them twice."""
    members = listed_files.alias("members").c
    return union_all(
        select(members.number).where(members.account == bindparam("account")),
        select(members.number).where(members.collection.in_(bindparam("collections", expanding=True))),
    )


_COUNT_SHOWN = CompiledStatement(
    select(func.count()).select_from(_shown_numbers().limit(bindparam("most")).subquery("some"))
)


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
