"""Cursors, and the folding of texts that searches compare."""

from __future__ import annotations

import base64
import json

from media_service.catalogue.pagination import encode_cursor
from media_service.catalogue.rows import fold


def test_folding_twice_is_folding_once() -> None:
    assert fold(fold("\uff29stanbul Straße 각")) == fold("\uff29stanbul Straße 각") == "istanbul strasse 각"


def test_a_cursor_is_url_safe() -> None:
    cursor = encode_cursor("밤 ?/", "id")
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert json.loads(base64.urlsafe_b64decode(cursor + "==")) == ["밤 ?/", "id"]
