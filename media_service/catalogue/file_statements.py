"""Statements that read pages of files, compiled for each order, range and kind of conditions at their first use."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, or_, select, true

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import is_among, unindexed
from media_service.catalogue.file_conditions import Conditions, Subset, is_in
from media_service.catalogue.file_orders import Range
from media_service.catalogue.gram_index import files_with_grams, has_grams
from media_service.catalogue.tables import COVERED, files, listed_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from media_service.catalogue.file_orders import Order

FOUND_COLUMNS = ("number", "file_id", "text", "uploaded_at", "taken", "collection", "account")
"""Columns of each file with the grams that are read besides the key of an order."""

CACHED_STATEMENTS = 128  # of each kind; a hostile client could ask for each number of words in each order


@cache
def first_finds() -> CompiledStatement:
    """Read the smallest numbers of files with the grams, up to `most`, on SQLite."""
    found = files_with_grams(bindparam("grams"))
    return CompiledStatement(found.order_by(found.selected_columns.number).limit(bindparam("most")))


@lru_cache(CACHED_STATEMENTS)
def next_files(order: Order, part: Range, conditions: Conditions) -> CompiledStatement:
    """Read the next files of a range, in all subsets."""
    page = _listed(order, part, conditions, listed_files.c.file_id).limit(bindparam("rows"))
    return CompiledStatement(_with_rows(order, page))


@lru_cache(CACHED_STATEMENTS)
def walked_files(order: Order, part: Range, conditions: Conditions, *, ends: bool = False) -> CompiledStatement:
    """Read `walked` entries of a range in the order's index, and compare the texts of `compared` that these leave.

    `ends`: up to the entry of `last_key` and `last_number`.
    """
    entries = _listed(order, part, conditions, *(listed_files.c[name] for name in COVERED))
    if ends:
        entries = entries.where(order.up_to_last(listed_files.c[order.column], listed_files.c.number))
    some = entries.limit(bindparam("walked")).subquery("walked").c
    left = select(some.number, some.key).where(*conditions.of_index(some, but=in_ranges(order)))
    if conditions.compares_texts:
        candidates = left.limit(bindparam("compared")).subquery("candidates").c
        # As an expression, not a join: so no plan looks up other files than these, or in another order.
        text = listed_files.alias("texts").c
        meets = select(and_(*conditions.of_text(text.text))).where(text.number == candidates.number).scalar_subquery()
        left = select(candidates.number, candidates.key).where(meets)
    page = left.limit(bindparam("rows")).subquery("page").c
    with_ids = select(page.number, page.key, listed_files.c.file_id).join_from(
        page.number.table, listed_files, listed_files.c.number == page.number
    )
    return CompiledStatement(_with_rows(order, with_ids))


@lru_cache(CACHED_STATEMENTS)
def looked_up_files(order: Order, part: Range, conditions: Conditions) -> CompiledStatement:
    """Read the files of a range, and look each up among those with the grams or of the subsets, on SQLite."""
    # In another form than the primary key, or SQLite would read all found files and sort them.
    number = unindexed(listed_files.c.number)
    sets: list[Any] = [files_with_grams(bindparam("grams"))] if conditions.words else []
    looked_up = [subset for subset in conditions.subsets if subset not in in_ranges(order)]
    if sets or Subset.SHOWN in looked_up:
        # The others may have many files, and are compared at less cost if something else already selects.
        looked_up = [subset for subset in looked_up if subset is Subset.SHOWN]
    sets += [subset.numbers() for subset in looked_up]
    compared = conditions.of(listed_files.c, but=[*looked_up, *in_ranges(order)])
    page = _listed(order, part, conditions, listed_files.c.file_id).where(*map(number.in_, sets), *compared)
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def nth_file(order: Order, part: Range, conditions: Conditions) -> CompiledStatement:
    """Read the key and the number of the file of a range before which there are `files_before` others."""
    columns = listed_files.c
    key = columns[order.column]
    query = select(key.label("key"), columns.number).where(*_range(order, part, key, conditions))
    query = query.offset(bindparam("files_before")).limit(1)
    return CompiledStatement(query.order_by(*order.sorting(key, columns.number)))


@lru_cache(CACHED_STATEMENTS)
def sorted_files(order: Order, ranges: Sequence[Range], conditions: Conditions) -> CompiledStatement:
    """Read all files of these `numbers`, and sort them."""
    among = is_among(listed_files.c.number, bindparam("numbers"))
    return CompiledStatement(_sorted(order, ranges, [among, *conditions.of(listed_files.c)]))


@lru_cache(CACHED_STATEMENTS)
def sorted_finds(order: Order, ranges: Sequence[Range], conditions: Conditions) -> CompiledStatement:
    """Read up to `most` files with the grams, and sort them, on PostgreSQL.

    Each row has also how many files with the grams were read (`finds`). One without a file has it if there is no page.
    """
    columns = [listed_files.c[name] for name in dict.fromkeys([*FOUND_COLUMNS, order.column])]
    with_grams = select(*columns).where(has_grams(listed_files.c.text, bindparam("grams")))
    # Read once for both, and fenced off: of collections, the planner would read the list of all files that are in one.
    found = with_grams.limit(bindparam("most")).cte("found")
    finds = select(func.count().label("finds")).select_from(found).subquery("counted")
    page = _page(order, ranges, conditions.of(found.c), found.c).subquery("page")
    rows = finds.outerjoin(page, true()).outerjoin(files, files.c.id == page.c.file_id)
    query = select(files, page.c.key, page.c.number, finds.c.finds).select_from(rows)
    return CompiledStatement(query.order_by(*order.sorting_all(page.c.key, page.c.number)))


@lru_cache(CACHED_STATEMENTS)
def sorted_subset(order: Order, ranges: Sequence[Range], conditions: Conditions, subset: Subset) -> CompiledStatement:
    """Read all files of a subset, and sort them."""
    met = conditions.of(listed_files.c, but=[subset])
    # PostgreSQL combines the lists of several indexes, in less than half of the time of reading each file by number.
    by_index = [is_in(subset, listed_files.c), *met]
    by_number = [listed_files.c.number.in_(subset.numbers()), *met] if subset is Subset.SHOWN else by_index
    return CompiledStatement(_sorted(order, ranges, by_number), postgresql=_sorted(order, ranges, by_index))


def _sorted(
    order: Order, ranges: Sequence[Range], conditions: Sequence[ColumnElement[bool]], columns: Any = listed_files.c
) -> Select[Any]:
    return _with_rows(order, _page(order, ranges, conditions, columns))


def _page(
    order: Order, ranges: Sequence[Range], conditions: Sequence[ColumnElement[bool]], columns: Any
) -> Select[Any]:
    """Sort rows with these columns; read numbers, keys and ids of the first ones in some ranges."""
    # In another form than an index has it, or SQLite would read all of the index.
    key = unindexed(columns[order.column])
    query = select(columns.number, key.label("key"), columns.file_id)
    query = query.where(*conditions, or_(*(order.within(part, key, columns.number) for part in ranges)))
    return query.order_by(*order.sorting_all(key, columns.number)).limit(bindparam("rows"))


def _listed(order: Order, part: Range, conditions: Conditions, *more: ColumnElement[Any]) -> Select[Any]:
    """Read numbers, keys and these columns of a range of an order."""
    columns = listed_files.c
    key = columns[order.column]
    query = select(columns.number, key.label("key"), *more).where(*_range(order, part, key, conditions))
    return query.order_by(*order.sorting(key, columns.number))


def _range(order: Order, part: Range, key: ColumnElement[Any], conditions: Conditions) -> list[ColumnElement[bool]]:
    """Return the conditions of a range: of the index alone."""
    bounds = [is_in(Subset.TAKEN, listed_files.c)] if Subset.TAKEN in conditions.subsets and order.is_by_date else []
    if Subset.DATED in conditions.subsets and order.is_by_date:
        until, since = key < bindparam("until"), key >= bindparam("since")
        # Behind a cursor between the dates only one of them is ahead. SQLite would begin to read at the other one.
        bounds += [until, since] if part is Range.ALL else [since if order.falling else until]
    return [order.within(part, key, listed_files.c.number), *bounds]


def in_ranges(order: Order) -> list[Subset]:
    """Return the subsets that are ranges of the order."""
    return [Subset.DATED, Subset.TAKEN] if order.is_by_date else []


@lru_cache(CACHED_STATEMENTS)
def counted_files(conditions: Conditions, subset: Subset | None) -> CompiledStatement:
    """Count up to `most` files with the grams, of a subset, or any ones, and how many of these meet the conditions."""
    columns, met = listed_files.c, conditions.of(listed_files.c, but=[subset] if subset else [])
    if subset is not None:
        return CompiledStatement(_counted(select(subset.numbers(once=True).subquery("members").c.number), met))
    grams: ColumnElement[str] = bindparam("grams")
    some, rows = select(columns.number), select(listed_files)
    if conditions.words:
        some, rows = files_with_grams(grams), rows.where(has_grams(columns.text, grams))
    # PostgreSQL reads the rows to find them, and would read each again by its number, 4 us.
    found = rows.limit(bindparam("most")).subquery("found").c
    files_found = func.count().filter(*conditions.of(found)) if met else func.count()
    counted = select(func.count().label("candidates"), files_found.label("files")).select_from(found.number.table)
    return CompiledStatement(_counted(some, met), postgresql=counted)


def _counted(some: Select[Any], met: Sequence[ColumnElement[bool]]) -> Select[int, int]:
    some_of = some.limit(bindparam("most")).subquery("some")
    if not met:
        return select(func.count().label("candidates"), func.count().label("files")).select_from(some_of)
    joined = some_of.outerjoin(listed_files, and_(listed_files.c.number == some_of.c.number, *met))
    counted = func.count(), func.count(listed_files.c.number)
    return select(counted[0].label("candidates"), counted[1].label("files")).select_from(joined)


COUNT_ALL = CompiledStatement(select(func.count()).select_from(listed_files))
"""Count all files."""


def _with_rows(order: Order, page: Select[Any]) -> Select[Any]:
    """Read the rows of the files of a page."""
    listed = page.subquery("page").c
    query = select(files, listed.key, listed.number).join_from(files, listed.key.table, files.c.id == listed.file_id)
    return query.order_by(*order.sorting_all(listed.key, listed.number))
