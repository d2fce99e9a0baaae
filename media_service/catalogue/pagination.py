"""How listings turn their pages: a cursor is the sort key and the id of the last row that was seen."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from sqlite3 import Row


def encode_cursor(*key: object) -> str:
    """Where the next page begins, as an opaque word."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kind: type) -> tuple[str | float, str]:
    """The key, of this kind, and the id of the row that was seen last. Raises Malformed."""
    try:
        value, last_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        value = kind(value)
        if not isinstance(last_id, str) or (kind is int and not -(2**63) <= value < 2**63):
            raise ValueError
        f"{value}{last_id}".encode()  # lone surrogates cannot be bound
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        raise Malformed("cursor", "it is not one that this listing gave out") from None
    return value, last_id


def split_page(rows: list[Row], limit: int, *key: str) -> tuple[list[Row], str | None]:
    """The page's rows, and the cursor of the next page where one more row came than was asked for."""
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, encode_cursor(*(page[-1][name] for name in key))
