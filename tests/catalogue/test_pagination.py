"""Cursors."""

from __future__ import annotations

import base64
import json

import pytest

from media_service.catalogue.pagination import decode_cursor, encode_cursor
from media_service.core.errors.requests import Malformed


def test_a_cursor_is_url_safe() -> None:
    cursor = encode_cursor("밤 ?/", "id")
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert json.loads(base64.urlsafe_b64decode(cursor + "==")) == ["밤 ?/", "id"]


@pytest.mark.parametrize("text", ["a\0", "\ud800", "\0"])
def test_a_cursor_with_what_no_engine_stores_is_refused(text: str) -> None:
    for cursor in (encode_cursor(1, text), encode_cursor(text, 1)):
        with pytest.raises(Malformed):
            decode_cursor(cursor, *((int, str) if cursor == encode_cursor(1, text) else (str, int)))
