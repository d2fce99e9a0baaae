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
    ALL,
    Limits,
    Page,
    Walk,
    examine,
    find_frequent_or_few,
    read_subset,
    sort,
    walk,
    walk_all,
)
from media_service.catalogue.file_statements import FOUND, sorted_finds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_pages import Read, WantedPage

LIMITS = Limits(Walk(5000, 500), Walk(60_000, 3000), few=2000, shown=8000, dated=40_000)

FOUND_FILES = 300
"""Files with the grams whose numbers tell how many there are. So few are sorted without reading the lists again."""

SORTED_FIRST_FILES, SORTED_FILES = 5000, 15_000
"""Files with the grams that are sorted before the long walk, and if it has found no page."""


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    found = await find_frequent_or_few(read, wanted, LIMITS)
    if found is not None:
        return Page(found)
    finds = await _first_finds(read, wanted)
    if finds is not None and len(finds) <= FOUND_FILES:
        return Page(await sort(read, wanted, (row["number"] for row in finds)))
    count = _number_of(finds)
    if count <= SORTED_FIRST_FILES:
        return Page(await _sort_finds(read, wanted))
    found = await read_subset(read, wanted, LIMITS.shown, dated=LIMITS.dated)
    if found is not None:
        return Page(found)
    if wanted.conditions.excluded:
        return await examine(read, wanted)
    return Page(await (_walk_or_sort if count <= SORTED_FILES else walk_all)(read, wanted))


async def _walk_or_sort(read: Read, wanted: WantedPage) -> Sequence[Row]:
    found = await walk(read, wanted, LIMITS.long_walk)
    return found if len(found) == wanted.rows else await _sort_finds(read, wanted)


async def _first_finds(read: Read, wanted: WantedPage) -> Sequence[Row] | None:
    """Return some files with the grams; None if these are so frequent that their lists take long to read."""
    if not wanted.conditions.words or (wanted.conditions.subsets and await _are_frequent(read, wanted)):
        return None
    return await read(FOUND.bind(wanted.values | {"most": FOUND_FILES + 1}))


def _number_of(finds: Sequence[Row] | None) -> int:
    """Return about how many files have the grams; ALL if that is unknown."""
    if not finds:
        return ALL
    # These are about the first by number, so the last of them tells how many files there are for each.
    return int(len(finds) * finds[0]["last"] // max(row["number"] for row in finds))


async def _are_frequent(read: Read, wanted: WantedPage) -> bool:
    """Return whether the short walk finds a page of all files with the words, whatever subset they are in."""
    anybodys = replace(wanted, conditions=replace(wanted.conditions, subsets=()))
    return len(await walk(read, anybodys, LIMITS.short_walk)) == wanted.rows


async def _sort_finds(read: Read, wanted: WantedPage) -> Sequence[Row]:
    return await read(sorted_finds(wanted.order, wanted.ranges, wanted.conditions).bind(wanted.values))
