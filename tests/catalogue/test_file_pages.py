"""Check how SQLite reads pages: with a million rows, a plan that sorts or scans rows it does not show takes seconds."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue import file_statements, listings
from media_service.catalogue.file_conditions import COUNTS, Conditions, Subset
from media_service.catalogue.file_orders import FILE_SORT_KEYS, Order, Range
from media_service.catalogue.pagination import encode_cursor
from media_service.catalogue.sqlite.dialect import sql_of
from media_service.catalogue.text_index import SIGNATURE_COLUMNS
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from media_service.catalogue.compiled import Statement

ORDERS = [Order(column, falling) for column in FILE_SORT_KEYS for falling in (False, True)]
RANGES = [(order, part) for order in ORDERS for part in Range if order.kind is str or part is not Range.BLANK]


def plan(path: Path, statement: Statement) -> list[str]:
    """Return the steps that read `uploads`, `listed_files` or the grams, and those that sort."""
    with closing(sqlite3.connect(path)) as connection:
        sql, values = sql_of(statement)
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    return [step for step in steps if re.search(r"uploads|listed_files|members|file_grams|TEMP B-TREE", step)]


def values(order: Order) -> dict[str, object]:
    shown = {"account": "person:p", "collections": ["c", "d"], "since": 1, "until": 2}
    return {
        "key": order.kind(),
        "number": 1,
        "rows": 3,
        "walked": 5,
        "compared": 5,
        "word_0": "a",
        "excluded_0": "b",
        "grams": '"a"',
        **dict.fromkeys(SIGNATURE_COLUMNS, 1),
    } | shown


WORD = Conditions(words=1)
SHOWN, DATED, TAKEN = (Conditions(subsets=(subset,)) for subset in Subset)


@pytest.mark.parametrize(("order", "part"), RANGES, ids=str)
def test_files_of_a_range_are_read_from_the_index_of_the_order(path: Path, order: Order, part: Range) -> None:
    way = "SCAN" if part is Range.ALL else "SEARCH"
    for statement in (
        file_statements.next_files(order, part, Conditions()),
        file_statements.looked_up_files(order, part, WORD),
    ):
        read, *others = plan(path, statement.bind(values(order)))
        assert read.startswith(f"{way} listed_files USING INDEX ix_listed_files_{order.column}_number")
        # The last sorts the page.
        assert others in (
            ["USE TEMP B-TREE FOR ORDER BY"],
            ["SCAN file_grams VIRTUAL TABLE INDEX 0:M1", "USE TEMP B-TREE FOR ORDER BY"],
        )


@pytest.mark.parametrize(("order", "part"), RANGES, ids=str)
def test_files_of_a_walk_are_read_from_the_index_of_the_order_alone(path: Path, order: Order, part: Range) -> None:
    way = "SCAN" if part is Range.ALL else "SEARCH"
    for conditions in (replace(WORD, excluded=1), replace(WORD, subsets=(Subset.SHOWN,)), SHOWN):
        statement = file_statements.walked_files(order, part, conditions)
        read, *others = plan(path, statement.bind(values(order)))
        assert read.startswith(f"{way} listed_files USING COVERING INDEX ix_listed_files_{order.column}_number")
        # Ids of the page, and its order.
        by_number = "SEARCH listed_files USING INTEGER PRIMARY KEY (rowid=?)"
        assert others == [by_number, "USE TEMP B-TREE FOR ORDER BY"]


@pytest.mark.parametrize("part", [part for part in Range if part is not Range.BLANK])
@pytest.mark.parametrize("falling", [False, True])
def test_dates_are_bounds_of_the_range_in_the_order_by_date(path: Path, part: Range, *, falling: bool) -> None:
    order = Order("uploaded_at", falling)
    dated = file_statements.next_files(order, part, DATED)
    read, *others = plan(path, dated.bind(values(order)))
    # Without the other bound: SQLite would begin at the first of these dates, instead of behind the cursor.
    bounds = "uploaded_at=? AND number" if part is Range.TIED else "uploaded_at>? AND uploaded_at<?"
    assert read.startswith(f"SEARCH listed_files USING INDEX ix_listed_files_uploaded_at_number ({bounds}")
    sql, _ = sql_of(dated.bind(values(order)))
    assert (":since" in sql and ":until" in sql) is (part is Range.ALL)
    assert others == ["USE TEMP B-TREE FOR ORDER BY"]


@pytest.mark.parametrize("part", [Range.ALL, Range.BEYOND, Range.BEHIND])
def test_taken_files_are_read_in_the_order_by_date_from_an_index_of_their_own(path: Path, part: Range) -> None:
    order = Order("uploaded_at", falling=True)
    for conditions in (TAKEN, Conditions(subsets=(Subset.TAKEN, Subset.DATED))):
        taken = file_statements.next_files(order, part, conditions)
        read, *others = plan(path, taken.bind(values(order)))
        assert read.startswith("SEARCH listed_files USING INDEX ix_listed_files_taken_uploaded_at_number (taken=?")
        assert others == ["USE TEMP B-TREE FOR ORDER BY"]


SUBSET_READS = {
    SHOWN: [
        "SEARCH members USING COVERING INDEX ix_listed_files_account_number (account=?)",
        "SEARCH members USING COVERING INDEX ix_listed_files_collection_number (collection=?)",
    ],
    DATED: ["SEARCH members USING COVERING INDEX ix_listed_files_uploaded_at_number (uploaded_at>? AND uploaded_at<?)"],
    TAKEN: ["SEARCH members USING COVERING INDEX ix_listed_files_taken_uploaded_at_number (taken=?)"],
}


@pytest.mark.parametrize("subset", [SHOWN, DATED, TAKEN], ids=str)
@pytest.mark.parametrize(("order", "part"), RANGES, ids=str)
def test_files_of_subsets_are_read_from_the_index_of_the_order(
    path: Path, order: Order, part: Range, subset: Conditions
) -> None:
    in_range = order.is_by_date and subset is not SHOWN
    index = f"ix_listed_files_{'taken_' if in_range and subset is TAKEN else ''}{order.column}_number"
    way = "SCAN" if part is Range.ALL and not in_range else "SEARCH"
    for words in (0, 1):
        conditions = replace(subset, words=words)
        statements = {
            "walked": file_statements.walked_files(order, part, conditions),
            "looked up": file_statements.looked_up_files(order, part, conditions),
        }
        for name, statement in statements.items():
            read, *others = plan(path, statement.bind(values(order)))
            is_walked = name == "walked" and (subset is not TAKEN or not in_range)
            expected = f"{way} listed_files USING {'COVERING ' * is_walked}INDEX {index}"
            # Of the files of one time it does not matter which index they are read from.
            assert read.startswith(expected) or (in_range and part is Range.TIED)
            # Among files with the words these are compared: there may be many of them.
            looked_up = name == "looked up" and not in_range and not (words and subset is not SHOWN)
            assert [step for step in others if "members" in step] == (SUBSET_READS[subset] if looked_up else [])


@pytest.mark.parametrize("subset", Subset)
def test_files_of_a_subset_are_counted_in_its_indexes(path: Path, subset: Subset) -> None:
    order = Order("title", falling=False)
    counted = values(order) | {"most": 5}
    assert plan(path, COUNTS[subset].bind(counted)) == SUBSET_READS[Conditions(subsets=(subset,))]


@pytest.mark.parametrize("subset", Subset)
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_few_files_of_a_subset_are_read_by_their_numbers_and_sorted(path: Path, order: Order, subset: Subset) -> None:
    conditions, reads = Conditions(words=1, subsets=tuple(Subset)), SUBSET_READS[Conditions(subsets=(subset,))]
    for key in (None, "", "x"):
        statement = file_statements.sorted_subset(order, order.merged_ranges(key), conditions, subset)
        read, *others = plan(path, statement.bind(values(order)))
        if subset is Subset.SHOWN:
            assert read == "SEARCH listed_files USING INTEGER PRIMARY KEY (rowid=?)"
            assert others[: len(reads)] == reads
        else:
            assert [read.replace("listed_files USING", "members USING COVERING")] == reads


@pytest.mark.parametrize("subsets", [(), tuple(Subset)])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_few_files_are_read_by_their_numbers_and_sorted(path: Path, order: Order, subsets: tuple[Subset, ...]) -> None:
    for key in (None, "", "x"):
        statement = file_statements.sorted_files(order, order.merged_ranges(key), replace(WORD, subsets=subsets))
        read, *_ = plan(path, statement.bind(values(order) | {"numbers": "[1, 2]"}))
        assert read == "SEARCH listed_files USING INTEGER PRIMARY KEY (rowid=?)"


@pytest.mark.parametrize("subset", [None, *Subset])
def test_only_what_an_index_finds_is_counted(path: Path, subset: Subset | None) -> None:
    conditions = Conditions(words=1, excluded=1, subsets=tuple(Subset))
    counted = file_statements.counted_files(conditions, subset)
    steps = plan(path, counted.bind(values(Order("title", falling=False)) | {"most": 5, "excluded_0": "b"}))
    assert not [step for step in steps if "TEMP" in step or step.startswith("SCAN listed_files")]


@pytest.mark.parametrize("owner", [None, "local"])
@pytest.mark.parametrize("cursor", [None, encode_cursor(1, "u")])
@pytest.mark.parametrize("states", [[], [State.REJECTED], [State.SPOOLED, State.LOST]])
def test_uploads_of_each_state_are_read_newest_first(
    path: Path, owner: str | None, cursor: str | None, states: Collection[State]
) -> None:
    steps = plan(path, listings.uploads_page(owner, states, cursor, 10))
    index = "ix_uploads_state_created_at_id" if owner is None else "ix_uploads_owner_state_created_at_id"
    reads = [step for step in steps if f"USING COVERING INDEX {index}" in step]
    assert len(reads) == len(states or State)
    assert all(step.startswith("SEARCH") and ("(created_at,id)<" in step) == (cursor is not None) for step in reads)
    others = {step for step in steps if step not in reads}
    assert others == {"SEARCH uploads USING INDEX sqlite_autoindex_uploads_1 (id=?)", "USE TEMP B-TREE FOR ORDER BY"}


@pytest.mark.parametrize("cursor", [None, encode_cursor(1, "u")])
@pytest.mark.parametrize("collections", [["c"], ["c", "d"], [f"c{number}" for number in range(99)]])
def test_uploads_of_collections_are_read_from_their_index(
    path: Path, cursor: str | None, collections: list[str]
) -> None:
    states = [State.REJECTED, State.LOST]
    steps = plan(path, listings.uploads_page("local", states, cursor, 10, collections))
    index = "ix_uploads_collection_state_created_at_id"
    reads = [step for step in steps if f"USING COVERING INDEX {index}" in step]
    assert all(step.startswith("SEARCH uploads") for step in reads)
    if len(collections) * len(states) > listings.MERGED:
        assert len(reads) == 1
    else:
        assert len(reads) == len(states) * len(collections)
        assert all(("(created_at,id)<" in step) == (cursor is not None) for step in reads)
    assert not [step for step in steps if step.startswith("SCAN uploads")]
