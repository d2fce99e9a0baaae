"""Keyset pagination: a cursor is the sort key and the id, or the number, of a page's last row."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, TypeVar

from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.engine import Row

K = TypeVar("K", int, float, str)
L = TypeVar("L", int, str)


def encode_cursor(*key: object) -> str:
    """Return the cursor of the page after the row with this key."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, key: type[K], last: type[L]) -> tuple[K, L]:
    """Return the key, and the id or number, of these types. Raise Malformed."""
    try:
        first, second = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = key(first), last(second)
        for value in values:
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise ValueError
        if not isinstance(second, last):
            raise ValueError
        # Neither a lone surrogate nor a NUL character can be bound.
        if b"\0" in "{}{}".format(*values).encode():
            raise ValueError
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        raise Malformed("cursor", "not a cursor of this listing") from None
    return values


def split_page(rows: Sequence[Row], limit: int, *key: str) -> tuple[Sequence[Row], str | None]:
    """Return the page, and the next page's cursor if there are more rows than the limit."""
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, encode_cursor(*(page[-1][name] for name in key))
