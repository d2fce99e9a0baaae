"""Statements that read pages of files, compiled for each order, range and number of words at their first use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, or_, select, union_all

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import contains, is_among, unindexed
from media_service.catalogue.gram_index import files_with_grams, has_grams
from media_service.catalogue.tables import files, listed_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Select

    from media_service.catalogue.file_orders import Order, Range

CACHED_STATEMENTS = 128  # of each kind; a hostile client could ask for each number of words in each order


def _found() -> CompiledStatement:
    grams: ColumnElement[str] = bindparam("grams")
    most: ColumnElement[int] = bindparam("most")
    found = files_with_grams(grams)
    columns = listed_files.c
    # Not sorted: PostgreSQL reads what is in the table's order anyway, and would read all of it to sort it.
    unsorted = select(columns.number).where(has_grams(columns.text, grams)).limit(most)
    return CompiledStatement(found.order_by(found.selected_columns.number).limit(most), postgresql=unsorted)


FOUND = _found()
"""Read the numbers of files with these grams, about the smallest, up to `most`."""


@lru_cache(CACHED_STATEMENTS)
def next_files(order: Order, part: Range) -> CompiledStatement:
    """Read the next files of a range."""
    return CompiledStatement(_with_rows(order, _listed(order, part).limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def compared_files(order: Order, part: Range, words: int, *, shown: bool = False) -> CompiledStatement:
    """Read `compared` files of a range, and compare each."""
    some = _listed(order, part).limit(bindparam("compared")).subquery("some").c
    conditions = [*_compare(some.text, words), *([_is_shown(some.account, some.collection)] if shown else [])]
    page = select(some.number, some.key, some.file_id).where(*conditions)
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def looked_up_files(order: Order, part: Range, words: int, *, shown: bool = False) -> CompiledStatement:
    """Read the files of a range, and look each up among those with the grams or of the collections, on SQLite."""
    # In another form than the primary key, or SQLite would read all found files and sort them.
    number = unindexed(listed_files.c.number)
    conditions = [number.in_(_shown_numbers())] if shown else []
    if words:
        conditions.append(number.in_(files_with_grams(bindparam("grams"))))
    page = _listed(order, part).where(*conditions, *_compare(listed_files.c.text, words))
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def end_of_window(order: Order, part: Range) -> CompiledStatement:
    """Read the key and the number of the file of a range before which there are `window` others."""
    columns = listed_files.c
    key = columns[order.column]
    query = select(key.label("key"), columns.number).where(order.within(part, key)).offset(bindparam("window")).limit(1)
    return CompiledStatement(query.order_by(*order.sorting(key, columns.number)))


@lru_cache(CACHED_STATEMENTS)
def files_of_window(
    order: Order, part: Range, words: int, *, by_grams: bool, shown: bool, is_last: bool
) -> CompiledStatement:
    """Read the files of a range up to the end of a window, by several indexes, on PostgreSQL."""
    columns = listed_files.c
    key = columns[order.column]
    conditions = [order.within(part, key), *_compare(columns.text, words)]
    if by_grams:
        conditions.append(has_grams(columns.text, bindparam("grams")))
    if shown:
        conditions.append(_is_shown(columns.account, columns.collection))
    if not is_last:
        conditions.append(order.until(part, key))
    page = select(columns.number, key.label("key"), columns.file_id).where(*conditions)
    page = page.order_by(*order.sorting(key, columns.number))
    return CompiledStatement(_with_rows(order, page.limit(bindparam("rows"))))


@lru_cache(CACHED_STATEMENTS)
def sorted_files(order: Order, ranges: Sequence[Range], words: int, *, shown: bool = False) -> CompiledStatement:
    """Read all files of these `numbers`, and sort them."""
    conditions = [is_among(listed_files.c.number, bindparam("numbers")), *_compare(listed_files.c.text, words)]
    if shown:
        conditions.append(_is_shown(unindexed(listed_files.c.account), unindexed(listed_files.c.collection)))
    return _sorted(order, ranges, conditions)


@lru_cache(CACHED_STATEMENTS)
def sorted_shown_files(order: Order, ranges: Sequence[Range], words: int) -> CompiledStatement:
    """Read all files of the account and the collections, and sort them."""
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


COUNT_SHOWN = CompiledStatement(
    select(func.count()).select_from(_shown_numbers().limit(bindparam("most")).subquery("some"))
)
"""Count the files of the account and the collections, up to `most`."""


def _with_rows(order: Order, page: Select[Any]) -> Select[Any]:
    """Read the rows of the files of a page."""
    listed = page.subquery("page").c
    query = select(files, listed.key, listed.number).join_from(files, listed.key.table, files.c.id == listed.file_id)
    return query.order_by(*order.sorting_all(listed.key, listed.number))


def _compare(text: ColumnElement[str], words: int) -> list[ColumnElement[bool]]:
    return [contains(text, bindparam(f"word_{number}")) for number in range(words)]
