"""Find the files of a page on SQLite. With 1,000,000 files:

- To sort takes 2 ms for each thousand. It is for `SORTED_FILES` or fewer, or `SHOWN_FILES` of the collections.
- To compare takes 3 ms for each thousand. It is for words that some of a hundred files have, as the first finds tell;
  beyond `COMPARED_FILES` it is slow. How the files of collections are distributed is not known, so these are compared
  up to there, and then looked up.
- To look up takes 0.2 ms for each thousand of the order and of the files with the grams, or of the collections. It is
  for what is between, and for a word of which all files stand at the other end of the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import Page, examine, read_ranges, read_subset, sort, walk
from media_service.catalogue.file_statements import FOUND, looked_up_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_pages import Read, WantedPage

SORTED_FILES = 3000
SHOWN_FILES = 10_000
COMPARED_FILES = 1500  # twice as many for several grams, whose lists take longer to read


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    compared = COMPARED_FILES
    if wanted.conditions.words:
        few = await read(FOUND.bind(wanted.values | {"most": SORTED_FILES + 1}))
        if len(few) <= SORTED_FILES:
            return Page(await sort(read, wanted, (row["number"] for row in few)))
        # These are the first by number, so the last of them tells how many files there are for each that is found.
        enough = wanted.rows * few[-1]["number"] // len(few)
        compared = max(2 * enough, COMPARED_FILES) if enough <= COMPARED_FILES * min(len(wanted.grams), 2) else 0
    found = await read_subset(read, wanted, SHOWN_FILES)
    if found is not None:
        return Page(found)
    if wanted.conditions.excluded:
        return await examine(read, wanted)
    return Page(await _compare_or_look_up(read, wanted, compared))


async def _compare_or_look_up(read: Read, wanted: WantedPage, compared: int) -> Sequence[Row]:
    """Read files in their order, so many by comparing; if these have no full page, look all of them up."""
    order, conditions = wanted.order, wanted.conditions
    if compared:
        found = await walk(read, wanted, compared, compared)
        if len(found) == wanted.rows:
            return found
    return await read_ranges(read, wanted.ranges, lambda part: looked_up_files(order, part, conditions), wanted.values)
