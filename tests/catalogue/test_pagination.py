"""Cursors."""

from __future__ import annotations

import base64
import json

from media_service.catalogue.pagination import encode_cursor


def test_a_cursor_is_url_safe() -> None:
    cursor = encode_cursor("밤 ?/", "id")
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert json.loads(base64.urlsafe_b64decode(cursor + "==")) == ["밤 ?/", "id"]
