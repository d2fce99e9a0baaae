"""How listings are asked for by the page, and how they point to the next one."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from media_service.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT, MOST = 50, 200
"""Rows of a page."""

FULL_MOST = 20
"""Rows of a page of full rows, each of which may have 50 KiB."""

TURN_BYTES = 32 * 1024
"""Bytes of JSON that are written before other requests have their turn."""


def full_of(request: web.Request) -> bool:
    """Return whether the client wants full rows. Raise Malformed."""
    text = request.query.get("full", "0")
    if text not in ("0", "1"):
        raise Malformed("full", "it must be 0 or 1")
    return text == "1"


def limit_of(request: web.Request) -> int:
    """How many rows the client wants on a page. Raises Malformed."""
    most = FULL_MOST if full_of(request) else MOST
    text = request.query.get("limit", str(min(DEFAULT, most)))
    # The length comes first: Python refuses to convert more than 4,300 digits.
    if not (len(text) <= len(str(most)) and text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise Malformed("limit", f"it must be a number from 1 to {most}")
    return int(text)


async def page(request: web.Request, name: str, rows: Iterable[dict[str, Any]], following: str | None) -> web.Response:
    """A page of rows under `name`, with the next page's cursor as a member and as a link (RFC 8288)."""
    headers = {"Cache-Control": "no-store"}
    if following is not None:
        address = request.rel_url.update_query(cursor=following)
        headers["Link"] = f'<{address}>; rel="next"'
    body = b'{"%b": [%b], "next": %b}' % (name.encode(), await _joined(rows), json.dumps(following).encode())
    return web.Response(body=body, headers=headers, content_type="application/json", charset="utf-8")


async def _joined(rows: Iterable[dict[str, Any]]) -> bytearray:
    """Return the rows as JSON. A page may have megabytes, so it is written in turns."""
    joined, turn = bytearray(), TURN_BYTES
    for row in rows:
        joined += b", " * bool(joined) + json.dumps(row).encode()
        if len(joined) > turn:
            turn = len(joined) + TURN_BYTES
            await asyncio.sleep(0)
    return joined
