"""Check how PostgreSQL reads pages of searches: another plan would read the rows of thousands of files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from media_service.catalogue.file_conditions import Subset
from media_service.catalogue.file_statements import walked_files
from media_service.catalogue.postgresql.dialect import sql_of
from tests.catalogue.test_file_pages import RANGES, SHOWN, WORD, values
from tests.support.postgres_catalogue import empty_catalogue

if TYPE_CHECKING:
    from tests.services.postgresql import Databases

WALKED = [WORD, SHOWN, replace(WORD, excluded=1, subsets=(Subset.SHOWN, Subset.DATED))]


def test_walks_read_the_index_of_the_order_alone_and_sort_nothing_before_the_page(postgresql: Databases) -> None:
    with psycopg.connect(empty_catalogue(postgresql)) as connection:
        # Else an empty table is read from its beginning to its end.
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        for order, part in RANGES:
            for conditions in WALKED:
                sql, bound = sql_of(walked_files(order, part, conditions).bind(values(order)))
                plan = [step.strip(" ->") for (step,) in connection.execute(f"EXPLAIN {sql}".encode(), bound)]
                way = "Backward " * order.falling
                reads = f"Index Only Scan {way}using ix_listed_files_{order.column}_number on listed_files"
                assert [step for step in plan if step.startswith(reads)], plan
                assert len([step for step in plan if step.startswith("Sort  ")]) <= 1
                assert not [step for step in plan if "Hash" in step]
