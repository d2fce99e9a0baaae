"""Uploads that may be concatenated."""

from __future__ import annotations

import pytest

from media_service.core import concatenation
from media_service.core.errors.requests import Malformed


def test_parts_are_listed_once_and_64_at_most() -> None:
    concatenation.check_part_names([str(number) for number in range(64)])
    for parts in (["a", "b", "a"], [str(number) for number in range(65)]):
        with pytest.raises(Malformed):
            concatenation.check_part_names(parts)
