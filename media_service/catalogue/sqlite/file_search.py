"""Find the files of a page on SQLite. With 1,000,000 files:

- To walk takes 0.4 ms for each thousand entries of the order's index, and 3 us for each text that these leave to
  compare. A short walk has a page of what 1 % of the files have, a long one of what 0.1 % have, unless that is all at
  the other end of the order.
- To sort takes 2 ms for each thousand files. The list of a gram is read as far as is needed.
- To look up takes 0.2 ms for each thousand of the order and of the files with the grams, or of the collections.

So few files are sorted, if the short walk has found next to none; and what the long one does not find is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import Page, Walk, examine, read_ranges, read_subset, sort, walk
from media_service.catalogue.file_statements import FOUND, looked_up_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_pages import Read, WantedPage

SHORT_WALK = Walk(5000, 500)
LONG_WALK = Walk(60_000, 3000)
ENOUGH_FOUND = 6
"""Files that the short walk must find for the long one to come next."""

SORTED_FILES = 3000


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    found = await walk(read, wanted, SHORT_WALK)
    is_frequent = ENOUGH_FOUND <= len(found) < wanted.rows
    if is_frequent:
        found = await walk(read, wanted, LONG_WALK)
    if len(found) == wanted.rows:
        return Page(found)
    few = await _sort_few(read, wanted)
    if few is not None:
        return Page(few)
    if wanted.conditions.excluded:
        return await examine(read, wanted)
    if not is_frequent:
        found = await walk(read, wanted, LONG_WALK)
        if len(found) == wanted.rows:
            return Page(found)
    order, conditions = wanted.order, wanted.conditions
    return Page(
        await read_ranges(read, wanted.ranges, lambda part: looked_up_files(order, part, conditions), wanted.values)
    )


async def _sort_few(read: Read, wanted: WantedPage) -> Sequence[Row] | None:
    """Read all files of a subset, or with the grams, and sort them; None if each has many."""
    found = await read_subset(read, wanted, SORTED_FILES, dated=SORTED_FILES)
    if found is None and wanted.conditions.words:
        few = await read(FOUND.bind(wanted.values | {"most": SORTED_FILES + 1}))
        if len(few) <= SORTED_FILES:
            return await sort(read, wanted, (row["number"] for row in few))
    return found
