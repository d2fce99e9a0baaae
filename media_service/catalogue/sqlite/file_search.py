"""Find the files of a page on SQLite. With 1,000,000 files:

- To walk takes 0.4 ms for each thousand entries of the order's index, and 3 us for each text that these leave to
  compare. A short walk has a page of what 1 % of the files have, a long one of what 0.1 % have, unless that is all at
  the other end of the order.
- To sort takes 2 ms for each thousand files. The list of a gram is read as far as is needed.
- To look up takes 0.2 ms for each thousand of the order and of the files with the grams, or of the collections.

So few files are sorted before the long walk, and more of them after it; of still more files all of the order is looked
up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import (
    Limits,
    Page,
    Walk,
    examine,
    find_frequent_or_few,
    read_ranges,
    read_subset,
    sort,
)
from media_service.catalogue.file_statements import first_finds, looked_up_files

if TYPE_CHECKING:
    from media_service.catalogue.file_pages import Read, WantedPage

LIMITS = Limits(
    Walk(5000, 500, ties_first=True), Walk(60_000, 3000, ties_first=True), few=3000, shown=10_000, dated=10_000
)


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    found = await find_frequent_or_few(read, wanted, LIMITS)
    if found is not None:
        return Page(found)
    if wanted.conditions.words:
        few = await read(first_finds().bind(wanted.values | {"most": LIMITS.few + 1}))
        if len(few) <= LIMITS.few:
            return Page(await sort(read, wanted, (row["number"] for row in few)))
    found = await read_subset(read, wanted, LIMITS.shown, dated=LIMITS.dated)
    if found is not None:
        return Page(found)
    if wanted.conditions.excluded:
        return await examine(read, wanted)
    order, conditions = wanted.order, wanted.conditions
    return Page(
        await read_ranges(read, wanted.ranges, lambda part: looked_up_files(order, part, conditions), wanted.values)
    )
