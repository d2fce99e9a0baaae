"""Find the files of a page on PostgreSQL. With 1,000,000 files:

- To walk takes 0.2 ms for each thousand entries of the order's index, and 6 us for each text that these leave to
  compare. A short walk has a page of what 1 % of the files have, a long one of what 0.1 % have, unless that is all at
  the other end of the order.
- To sort takes 4 us for each file, wherever its row is, and 0.5 ms for each thousand files in the shortest list of a
  gram, which is read from end to end. Files between two dates are beside each other, and take 0.5 us each.

So few files are sorted before the long walk, and more of them after it; of still more files all of the order is walked.
A long walk takes as long as to sort 5,000 files: where the short one has found next to none, it often finds no page.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import (
    Limits,
    Page,
    Walk,
    examine,
    find_frequent_or_few,
    read_subset,
    walk,
    walk_all,
)
from media_service.catalogue.file_statements import sorted_finds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_pages import Read, WantedPage

LIMITS = Limits(Walk(5000, 500), Walk(60_000, 3000), few=2000, shown=8000, dated=40_000, enough=5)

SORTED_FIRST_FILES, SORTED_FILES = 5000, 15_000
"""Most files with the grams that are sorted before the long walk, and after it."""


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    found = await find_frequent_or_few(read, wanted, LIMITS)
    sorts = found is None and await _may_be_rare(read, wanted)
    if sorts:
        found = await _sort_finds(read, wanted, SORTED_FIRST_FILES)
    if found is None:
        found = await read_subset(read, wanted, LIMITS.shown, dated=LIMITS.dated)
    if found is not None:
        return Page(found)
    if wanted.conditions.excluded:
        return await examine(read, wanted)
    return Page(await (_walk_or_sort if sorts else walk_all)(read, wanted))


async def _walk_or_sort(read: Read, wanted: WantedPage) -> Sequence[Row]:
    found = await walk(read, wanted, LIMITS.long_walk)
    if len(found) == wanted.rows:
        return found
    finds = await _sort_finds(read, wanted, SORTED_FILES)
    return await walk_all(read, wanted) if finds is None else finds


async def _may_be_rare(read: Read, wanted: WantedPage) -> bool:
    """Return whether the lists of the grams may be short: the short walk finds no page of files with the words."""
    conditions = wanted.conditions
    if not (conditions.words and conditions.subsets):
        # Without a subset the short walk was made before, and found no page.
        return conditions.words > 0
    anybodys = replace(wanted, conditions=replace(conditions, subsets=()))
    return len(await walk(read, anybodys, LIMITS.short_walk)) < wanted.rows


async def _sort_finds(read: Read, wanted: WantedPage, most: int) -> Sequence[Row] | None:
    """Read all files with the grams, and sort them; None if these are more than `most`."""
    statement = sorted_finds(wanted.order, wanted.ranges, wanted.conditions)
    rows = await read(statement.bind(wanted.values | {"most": most + 1}))
    return None if rows[0]["finds"] > most else [row for row in rows if row["id"] is not None]
