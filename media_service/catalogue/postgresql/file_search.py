"""Find the files of a page on PostgreSQL, which cannot stop within the list of a gram as SQLite does.

To read such a list takes 0.1 ms for each thousand files, to read a file 3 to 10 us, wherever it is. So:

- Few files of a subset are sorted.
- A thousand files of the order are compared next, whatever the words are: frequent ones need no more.
- To look up, the lists are combined with that of a window of the order. The files in all of them are read and sorted.
  A window is as large as a page probably needs; if it has no full page, the next one is larger.
- Few files with the grams are sorted.

The planner combines lists in this way because it knows how large a window is, and thinks that all grams are rare.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import Page, compare, examine, read_subset, sort
from media_service.catalogue.file_statements import FOUND, end_of_window, files_of_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_orders import Range
    from media_service.catalogue.file_pages import Read, WantedPage

COMPARED_FILES = 1000
ENOUGH_FOUND = 10
"""Files that must be found among the compared ones to tell from them how many there are."""

SORTED_FILES = 1000
SHOWN_FILES = 3000
WINDOW = 10_000
WIDER = 8
"""How much larger the next window is."""


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    # First, because to count the files of a subset up to its limit takes a tenth of comparing some.
    of_subset = await read_subset(read, wanted, SHOWN_FILES)
    if of_subset is not None:
        return Page(of_subset)
    found = await compare(read, wanted, COMPARED_FILES)
    if len(found) == wanted.rows:
        return Page(found)
    conditions, window = wanted.conditions, WINDOW
    by_grams = conditions.words > 0 and not (conditions.subsets and await _are_frequent(read, wanted))
    if len(found) >= ENOUGH_FOUND:
        window = 2 * wanted.rows * COMPARED_FILES // len(found)
    elif by_grams:
        few = await read(FOUND.bind(wanted.values | {"most": SORTED_FILES + 1}))
        if len(few) <= SORTED_FILES:
            return Page(await sort(read, wanted, (row["number"] for row in few)))
        # These are about the first by number, so the last of them tells how many files there are for each.
        window = max(WINDOW, 2 * wanted.rows * max(row["number"] for row in few) // len(few))
    if conditions.excluded:
        return await examine(read, wanted)
    return Page(await _read_windows(read, wanted, window, by_grams=by_grams))


async def _are_frequent(read: Read, wanted: WantedPage) -> bool:
    """Return whether so many files have the words that their lists take longer to read than those of collections."""
    anybodys = replace(wanted, conditions=replace(wanted.conditions, subsets=()))
    return len(await compare(read, anybodys, COMPARED_FILES)) == wanted.rows


async def _read_windows(read: Read, wanted: WantedPage, window: int, *, by_grams: bool) -> Sequence[Row]:
    """Read one window of the ranges after the other, the first with so many files, until there are enough rows."""
    order, conditions, values = wanted.order, wanted.conditions, wanted.values
    found: list[Row] = []
    for part in wanted.ranges:
        rest: Range | None = part
        while rest is not None and len(found) < wanted.rows:
            values = values | {"rows": wanted.rows - len(found), "window": window}
            end = await read(end_of_window(order, rest, conditions).bind(values))
            last = {"end_key": end[0]["key"], "end_number": end[0]["number"]} if end else {}
            statement = files_of_window(order, rest, conditions, by_grams=by_grams, is_last=not end)
            found += await read(statement.bind(values | last))
            rest = None
            if end:
                rest, window = part.following, window * WIDER
                values = values | {"key": last["end_key"], "number": last["end_number"]}
    return found
