"""How listings are asked for by the page, and how they point to the next one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from media_service.core.errors import Malformed

DEFAULT, MOST = 50, 200
"""Rows of a page."""


def limit_of(request: web.Request) -> int:
    """How many rows the client wants on a page. Raises Malformed."""
    text = request.query.get("limit", str(DEFAULT))
    # The length comes first: Python refuses to convert more than 4,300 digits.
    if not (len(text) <= len(str(MOST)) and text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise Malformed("limit", f"it must be a number from 1 to {MOST}")
    return int(text)


def page(request: web.Request, name: str, rows: list[dict[str, Any]], following: str | None) -> web.Response:
    """A page of rows under `name`, with the next page's cursor as a member and as a link (RFC 8288)."""
    headers = {"Cache-Control": "no-store"}
    if following is not None:
        address = request.rel_url.update_query(cursor=following)
        headers["Link"] = f'<{address}>; rel="next"'
    return web.json_response({name: rows, "next": following}, headers=headers)
