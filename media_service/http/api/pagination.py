"""Keyset pagination of listings: `limit`, `cursor`, `full`, and the link to the next page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from media_service.core.errors.requests import Malformed
from media_service.http.api.query_values import flag

DEFAULT_ROWS, MAX_ROWS = 50, 200
MAX_FULL_ROWS = 20  # with `full=1`: each may have 50 KiB
ROWS_PER_READ = 25  # each may take 100 KiB of memory

# Return at most this many rows from a cursor on, and the cursor after them.
ReadRows = Callable[[str | None, int], Awaitable[tuple[Iterable[dict[str, Any]], str | None]]]


def wants_full_rows(request: web.Request) -> bool:
    """Return whether the client wants full rows. Raise Malformed."""
    return flag(request.query, "full")


def row_limit(request: web.Request) -> int:
    """Return the number of rows of a page. Raise Malformed."""
    max_rows = MAX_FULL_ROWS if wants_full_rows(request) else MAX_ROWS
    text = request.query.get("limit", str(min(DEFAULT_ROWS, max_rows)))
    # Check the length first: `int` raises ValueError above 4,300 digits.
    if not (len(text) <= len(str(max_rows)) and text.isascii() and text.isdigit() and 1 <= int(text) <= max_rows):
        raise Malformed("limit", f"must be a number from 1 to {max_rows}")
    return int(text)


async def page_response(
    request: web.Request,
    name: str,
    read: ReadRows,
    rows_per_read: int = ROWS_PER_READ,
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """Return a page of rows as member `name`, and `more` members.

    Raise Malformed for an invalid limit, and what `read` raises.
    """
    rows, cursor, left = bytearray(), request.query.get("cursor"), row_limit(request)
    while left > 0:
        more_rows, cursor = await read(cursor, min(left, rows_per_read))
        for row in more_rows:
            rows += b", " * bool(rows) + json.dumps(row).encode()
            await asyncio.sleep(0)
        left = 0 if cursor is None else left - rows_per_read
    return rows_response(request, name, rows, cursor, more)


def rows_response(
    request: web.Request,
    name: str,
    rows: bytes | bytearray,
    next_cursor: str | None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """Return a page with the next page's cursor as a member and as a link (RFC 8288). `rows`: JSON, with commas."""
    headers = {"Cache-Control": "no-store"}
    if next_cursor is not None:
        url = request.rel_url.update_query(cursor=next_cursor)
        headers["Link"] = f'<{url}>; rel="next"'
    others = json.dumps({"next": next_cursor, **(more or {})})
    body = b'{"%b": [%b], %b' % (name.encode(), bytes(rows), others[1:].encode())
    return web.Response(body=body, headers=headers, content_type="application/json", charset="utf-8")
