"""Check how SQLite reads pages: with a million rows, a plan that sorts or scans rows it does not show takes seconds."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue import file_statements, listings
from media_service.catalogue.file_orders import FILE_SORT_KEYS, Order, Range
from media_service.catalogue.pagination import encode_cursor
from media_service.catalogue.sqlite.dialect import sql_of
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
    shown = {"account": "person:p", "collections": ["c", "d"]}
    return {"key": order.kind(), "number": 1, "rows": 3, "compared": 5, "word_0": "a", "grams": '"a"'} | shown


@pytest.mark.parametrize(("order", "part"), RANGES, ids=str)
def test_files_of_a_range_are_read_from_the_index_of_the_order(path: Path, order: Order, part: Range) -> None:
    way = "SCAN" if part is Range.ALL else "SEARCH"
    for statement in (
        file_statements.next_files(order, part),
        file_statements.compared_files(order, part, 1),
        file_statements.looked_up_files(order, part, 1),
    ):
        read, *others = plan(path, statement.bind(values(order)))
        assert read.startswith(f"{way} listed_files USING INDEX ix_listed_files_{order.column}_number")
        # The last sorts the page.
        assert others in (
            ["USE TEMP B-TREE FOR ORDER BY"],
            ["SCAN file_grams VIRTUAL TABLE INDEX 0:M1", "USE TEMP B-TREE FOR ORDER BY"],
        )


SHOWN_READS = [
    "SEARCH members USING COVERING INDEX ix_listed_files_account_number (account=?)",
    "SEARCH members USING COVERING INDEX ix_listed_files_collection_number (collection=?)",
]


@pytest.mark.parametrize(("order", "part"), RANGES, ids=str)
def test_files_of_collections_are_read_from_the_index_of_the_order(path: Path, order: Order, part: Range) -> None:
    way = "SCAN" if part is Range.ALL else "SEARCH"
    for words in (0, 1):
        statements = {
            "compared": file_statements.compared_files(order, part, words, shown=True),
            "looked up": file_statements.looked_up_files(order, part, words, shown=True),
        }
        for name, statement in statements.items():
            read, *others = plan(path, statement.bind(values(order)))
            assert read.startswith(f"{way} listed_files USING INDEX ix_listed_files_{order.column}_number")
            assert [step for step in others if "members" in step] == (SHOWN_READS if name == "looked up" else [])


def test_files_of_collections_are_counted_in_two_indexes(path: Path) -> None:
    order = Order("title", falling=False)
    assert plan(path, file_statements.COUNT_SHOWN.bind(values(order) | {"most": 5})) == SHOWN_READS


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_few_files_of_collections_are_read_by_their_numbers_and_sorted(path: Path, order: Order) -> None:
    for key in (None, "", "x"):
        statement = file_statements.sorted_shown_files(order, order.merged_ranges(key), 1)
        read, *others = plan(path, statement.bind(values(order)))
        assert read == "SEARCH listed_files USING INTEGER PRIMARY KEY (rowid=?)"
        assert others[:2] == SHOWN_READS


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_few_files_are_read_by_their_numbers_and_sorted(path: Path, order: Order, shown: bool) -> None:
    for key in (None, "", "x"):
        statement = file_statements.sorted_files(order, order.merged_ranges(key), 1, shown=shown)
        read, *_ = plan(path, statement.bind(values(order) | {"numbers": "[1, 2]"}))
        assert read == "SEARCH listed_files USING INTEGER PRIMARY KEY (rowid=?)"


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
