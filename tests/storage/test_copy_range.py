"""Copies between files: complete, in order, never shorter than reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.storage import copy_range

if TYPE_CHECKING:
    from pathlib import Path


def test_copy_stops_at_the_end_of_the_source_and_returns_the_count(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(range(100)))
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("wb") as target:
        assert copy_range.copy_range(source.fileno(), target.fileno(), 40, 100) == 60
        with pytest.raises(OSError, match="ended"):
            copy_range.copy_range(source.fileno(), target.fileno(), 100, 1)
    assert (tmp_path / "target").read_bytes() == bytes(range(40, 100))
