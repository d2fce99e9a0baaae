"""Find the files of a page on PostgreSQL, which cannot stop within the list of a gram as SQLite does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.file_pages import Page, examine, read_subset, walk
from media_service.catalogue.file_statements import FOUND, end_of_window, files_of_window, sorted_finds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row
    from media_service.catalogue.file_orders import Range
    from media_service.catalogue.file_pages import Read, WantedPage

WALKED, COMPARED = 5000, 500
FAR_WALKED, MANY_COMPARED = 60_000, 3000
ENOUGH_FOUND = 8
"""Files that must be found by the first walk to walk far."""

FOUND_FILES = 300
"""Files with the grams whose numbers tell how many there are."""

SORTED_FILES = 2000
WINDOW = 100_000
WIDER = 8
"""How much larger the next window is."""


async def find(read: Read, wanted: WantedPage) -> Page:
    """Read the files of the page in the way that is probably the fastest."""
    found = await walk(read, wanted, WALKED, COMPARED)
    is_frequent = ENOUGH_FOUND <= len(found) < wanted.rows
    if is_frequent:
        found = await walk(read, wanted, FAR_WALKED, MANY_COMPARED)
    if len(found) == wanted.rows:
        return Page(found)
    all_found = await _sort_few(read, wanted)
    if all_found is not None:
        return Page(all_found)
    if not is_frequent:
        found = await walk(read, wanted, FAR_WALKED, MANY_COMPARED)
        if len(found) == wanted.rows:
            return Page(found)
    if wanted.conditions.excluded:
        return await examine(read, wanted)
    return Page(await _read_windows(read, wanted, WINDOW, by_grams=wanted.conditions.words > 0))


async def _sort_few(read: Read, wanted: WantedPage) -> Sequence[Row] | None:
    """Read all files of a subset, or with the grams, and sort them; None if there are many."""
    of_subset = await read_subset(read, wanted, SORTED_FILES)
    if of_subset is not None or not wanted.conditions.words:
        return of_subset
    few = await read(FOUND.bind(wanted.values | {"most": FOUND_FILES + 1}))
    # These are about the first by number, so the last of them tells how many files there are for each.
    last_found = max((row["number"] for row in few), default=0)
    if len(few) <= FOUND_FILES or len(few) * few[0]["last"] <= SORTED_FILES * last_found:
        return await read(sorted_finds(wanted.order, wanted.ranges, wanted.conditions).bind(wanted.values))
    return None


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
