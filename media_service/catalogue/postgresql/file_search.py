"""Find the files of a page on PostgreSQL, which cannot stop within the list of a gram as SQLite does.

To read such a list takes 0.5 ms for each thousand files, to read a file 3 to 4 us, wherever it is, and to read the
index of an order 1 us for each file: to find the end of a window, and then to have its files as a list. So:

- Few files of a subset are sorted.
- Some files of the order are compared next, whatever the words are: frequent ones need no more. If some have the words,
  many are compared, which ends with a full page.
- Then the first files with the grams are found: their numbers tell how many others there are. Up to `SORTED_FILES` are
  read and sorted, in 20 ms: words in 0.5 % of 1,000,000 files would need a window of 15,000 in each order, and words
  that are all at one end of an order many times as much.
- Of more, the list of a window of the order is combined with those of the grams, and the files in all of them are read
  and sorted. If a window has no full page, the next one is larger. Where a small one should do, files are compared.

The planner combines lists in this way because it thinks that all grams are rare. For a small window it would rather
read all its files, and cut the text of each that has the words into grams, in 1 ms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import Page, compare, examine, read_subset
from media_service.catalogue.file_statements import FOUND, end_of_window, files_of_window, sorted_finds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_orders import Range
    from media_service.catalogue.file_pages import Read, WantedPage

COMPARED_FILES = 500
MANY_COMPARED = 8000
ENOUGH_FOUND = 6
"""Files that must be found among the compared ones to compare many."""

FOUND_FILES = 300
"""Files with the grams whose numbers tell how many there are."""

SORTED_FILES = 6000
SHOWN_FILES = 8000
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
    if ENOUGH_FOUND <= len(found) < wanted.rows:
        found = await compare(read, wanted, MANY_COMPARED)
    if len(found) == wanted.rows:
        return Page(found)
    conditions, window = wanted.conditions, WINDOW
    by_grams = conditions.words > 0 and not (conditions.subsets and await _are_frequent(read, wanted))
    if by_grams:
        few = await read(FOUND.bind(wanted.values | {"most": FOUND_FILES + 1}))
        # These are about the first by number, so the last of them tells how many files there are for each.
        last_found = max((row["number"] for row in few), default=0)
        if len(few) <= FOUND_FILES or len(few) * few[0]["last"] <= SORTED_FILES * last_found:
            return Page(await read(sorted_finds(wanted.order, wanted.ranges, conditions).bind(wanted.values)))
        expected = 2 * wanted.rows * last_found // len(few)
        if len(found) < ENOUGH_FOUND and expected <= MANY_COMPARED:
            found = await compare(read, wanted, MANY_COMPARED)
            if len(found) == wanted.rows:
                return Page(found)
        window = max(WINDOW, expected)
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
