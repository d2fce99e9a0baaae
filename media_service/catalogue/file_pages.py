"""Read pages of files: keyset pagination in each order, search, filters, and the files that one person may see.

Each order has an index, the grams have one, and so have collections, accounts and dates, but none has two of these.
`sqlite/file_search.py` and `postgresql/file_search.py` choose among these ways, which find the same:

- Sort: read all files with the grams of the words, or of a subset, and sort them.
- Walk: read the index of the order alone, which has a signature of each text, and compare the texts that are left.
- Look up: read the index of the order, and look up which files have the grams, or are of the subset.

No index tells which files do not have a word. With one that nearly all have, such as `-mp3`, a page would read all
files, 3 to 6 us each. So it examines some of them, and the next page goes on behind these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from media_service.catalogue.constructs import numbers_column
from media_service.catalogue.file_conditions import COUNTS, Conditions, Subset
from media_service.catalogue.file_orders import Order, Range, order_named
from media_service.catalogue.file_statements import (
    COUNT_ALL,
    counted_files,
    in_ranges,
    next_files,
    nth_file,
    sorted_files,
    sorted_subset,
    walked_files,
)
from media_service.catalogue.file_terms import terms_of
from media_service.catalogue.gram_index import grams_query
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.search_syntax import parse_search
from media_service.catalogue.text_index import grams_of_search, grams_of_text, signature_of
from media_service.core.file_filters import NO_FILTERS, FileFilters, Total

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from media_service.catalogue.compiled import CompiledStatement, Statement
    from media_service.catalogue.engine import Row

    Read: TypeAlias = Callable[[Statement], Awaitable[Sequence[Row]]]
    Find: TypeAlias = "Callable[[Read, WantedPage], Awaitable[Page]]"

COUNTED_FILES = 10_000
"""Files that a total reads: 25 ms on SQLite."""

EXAMINED_FILES = 3000
"""Files of an order that a page with a `-word` reads: 10 to 20 ms."""

ANY_TIME = -(2**63), 2**63 - 1
ALL = 2**62
"""More than there are files."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Files to list: those of an account, and those of collections."""

    account: str
    collections: Collection[str]

    @classmethod
    def to(cls, owner: str | None, collections: Collection[str]) -> Self | None:
        """Return what an owner may see; None, all files, without one."""
        return None if owner is None else cls(owner, collections)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions of the files to list. `values`: what statements bind."""

    conditions: Conditions
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WantedPage(Wanted):
    """The next `rows` of these files in ranges of an order."""

    order: Order
    ranges: Sequence[Range]
    rows: int


@dataclass(frozen=True, slots=True)
class Walk:
    """Limits of a walk: `entries` of the order's index, and `texts` to compare of the files that these leave.

    `ties_first`: a walk of the files with the cursor's key comes first, which may have a page. In that of all files
    behind it, SQLite begins with the first one that has the key, and there may be 300,000.
    """

    entries: int
    texts: int
    ties_first: bool = False

    @property
    def values(self) -> dict[str, int]:
        """Return what statements bind."""
        return {"walked": self.entries, "compared": self.texts}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an engine: how it walks, and of how many files it reads all to sort them.

    The long walk comes early if the short one finds `enough`. Before it `few` files are sorted; after it `shown` ones,
    or those between two dates if they are up to `dated`.
    """

    short_walk: Walk
    long_walk: Walk
    few: int
    shown: int
    dated: int
    enough: int = 8


@dataclass(frozen=True, slots=True)
class Page:
    """The files of a page. `examined`: key and number of the last one that was read, if there may be more behind it."""

    rows: Sequence[Row]
    examined: Row | None = None


def wanted_files(search: str, filters: FileFilters = NO_FILTERS, shown: Shown | None = None) -> Wanted:
    """Return what is wanted. `shown` None: all files. Raise Malformed."""
    parsed, subsets = parse_search(search), []
    texts = replace(parsed, words=(*parsed.words, *terms_of(filters)))
    parts = [part for word in texts.words for part in word.split()]
    signature = signature_of(gram for part in parts for gram in grams_of_text(part))
    values: dict[str, Any] = {**texts.values, **signature, "grams": grams_query(grams_of_search(parts))}
    if shown is not None:
        subsets.append(Subset.SHOWN)
        values |= {"account": shown.account, "collections": sorted(shown.collections)}
    if filters.taken:
        subsets.append(Subset.TAKEN)
    if filters.since is not None or filters.until is not None:
        subsets.append(Subset.DATED)
        first, last = ANY_TIME
        values["since"] = first if filters.since is None else filters.since
        values["until"] = last if filters.until is None else filters.until
    return Wanted(Conditions(len(texts.words), len(texts.excluded), tuple(subsets)), values)


async def read_files(read: Read, find: Find, wanted: Wanted, order: str, cursor: str | None, *, limit: int) -> Page:
    """Read one file more than the page has, each with its `key` and `number`. Raise Malformed.

    `find`: the engine's way to find some of all files.
    """
    by, conditions = order_named(order), wanted.conditions
    key, number = ("", 0) if cursor is None else decode_cursor(cursor, by.kind, int)
    behind = None if cursor is None or _is_before(by, key, wanted) else key
    values = wanted.values | {"key": key, "number": number, "rows": limit + 1}
    if not conditions.compares_texts and {*conditions.subsets}.issubset(in_ranges(by)):
        return Page(await read_ranges(read, by.ranges(behind), lambda part: next_files(by, part, conditions), values))
    page = WantedPage(conditions, values, by, by.merged_ranges(behind), limit + 1)
    only_excluded = conditions.excluded and not (conditions.words or conditions.subsets)
    return await (examine(read, page) if only_excluded else find(read, page))


def _is_before(order: Order, key: Any, wanted: Wanted) -> bool:
    """Return whether a cursor of another listing with this key is before all files between the dates."""
    if Subset.DATED not in wanted.conditions.subsets or not order.is_by_date:
        return False
    return bool(key >= wanted.values["until"] if order.falling else key < wanted.values["since"])


async def walk(read: Read, wanted: WantedPage, limits: Walk) -> Sequence[Row]:
    """Read files of the first range by a walk."""
    first, values = wanted.ranges[0], wanted.values | limits.values
    found: Sequence[Row] = []
    for part in (Range.TIED, first) if first is Range.BEHIND and limits.ties_first else (first,):
        found = await read(walked_files(wanted.order, part, wanted.conditions).bind(values))
        if len(found) == wanted.rows:
            break
    return found


async def walk_all(read: Read, wanted: WantedPage) -> Sequence[Row]:
    """Read files of all ranges by walks without limits."""
    order, conditions = wanted.order, wanted.conditions
    values = wanted.values | Walk(ALL, ALL).values
    return await read_ranges(read, wanted.ranges, lambda part: walked_files(order, part, conditions), values)


async def examine(read: Read, wanted: WantedPage) -> Page:
    """Read up to EXAMINED_FILES of each range until there are enough rows, and compare each."""
    order, conditions = wanted.order, wanted.conditions
    found: list[Row] = []
    for part in wanted.ranges:
        values = wanted.values | {"rows": wanted.rows - len(found)} | Walk(ALL, ALL).values
        # This page ends with that file, and the next one begins after it. Found after the page, it could be another
        # file, because one was removed meanwhile, and the page would lose a file.
        last = await read(nth_file(order, part, conditions).bind(values | {"files_before": EXAMINED_FILES - 1}))
        if last:
            values |= {"last_key": last[0]["key"], "last_number": last[0]["number"]}
        found += await read(walked_files(order, part, conditions, ends=bool(last)).bind(values))
        if len(found) == wanted.rows:
            break
        if last:
            return Page(found, last[0])
    return Page(found)


async def sort(read: Read, wanted: WantedPage, numbers: Iterable[int]) -> Sequence[Row]:
    """Read the files with these numbers, compare and sort them."""
    statement = sorted_files(wanted.order, wanted.ranges, wanted.conditions)
    return await read(statement.bind(wanted.values | {"numbers": numbers_column(numbers)}))


async def find_frequent_or_few(read: Read, wanted: WantedPage, limits: Limits) -> Sequence[Row] | None:
    """Read a page of what many files are, or all files of a small subset; None if it is neither."""
    found = await walk(read, wanted, limits.short_walk)
    if len(found) == wanted.rows:
        return found
    few = await read_subset(read, wanted, limits.few, dated=limits.few)
    if few is None and len(found) >= limits.enough:
        found = await walk(read, wanted, limits.long_walk)
        return found if len(found) == wanted.rows else None
    return few


async def read_subset(read: Read, wanted: WantedPage, most: int, *, dated: int) -> Sequence[Row] | None:
    """Read the files of a subset, and compare and sort them; None if each has more than `most` files.

    `dated`: instead of `most` between two dates, in another order than theirs.
    """
    order = wanted.order
    for subset in wanted.conditions.subsets:
        limit = dated if subset is Subset.DATED and not order.is_by_date else most
        if await _count(read, wanted, subset, limit) <= limit:
            if subset in in_ranges(order):
                return await walk(read, wanted, Walk(limit, limit))  # all of one range
            return await read(sorted_subset(order, wanted.ranges, wanted.conditions, subset).bind(wanted.values))
    return None


async def count_files(read: Read, wanted: Wanted) -> Total:
    """Count the files: exactly if these are all, or up to COUNTED_FILES of a subset, or with the grams."""
    if wanted.conditions == Conditions():
        ((count,),) = await read(COUNT_ALL.bind({}))
        return Total(count, exact=True)
    least = None if wanted.conditions.words or not wanted.conditions.subsets else wanted.conditions.subsets[0]
    for subset in wanted.conditions.subsets:
        if await _count(read, wanted, subset, COUNTED_FILES) <= COUNTED_FILES:
            least = subset
            break
    counting = counted_files(wanted.conditions, least)
    ((candidates, count),) = await read(counting.bind(wanted.values | {"most": COUNTED_FILES + 1}))
    return Total(min(count, COUNTED_FILES), exact=candidates <= COUNTED_FILES)


async def _count(read: Read, wanted: Wanted, subset: Subset, most: int) -> int:
    """Count the files of a subset, up to one more than `most`."""
    ((count,),) = await read(COUNTS[subset].bind(wanted.values | {"most": most + 1}))
    return int(count)


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
