"""Copies between files: complete, in order, never shorter than reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError
from media_service.storage import copy_range
from media_service.storage.partials import DiskPartials

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.ipc.client import RpcClient


async def test_partials_are_concatenated_from_their_first_bytes(tmp_path: Path, rpc: RpcClient) -> None:
    partials = DiskPartials(tmp_path, rpc)
    for name, content in (("a", b"first, and scratch"), ("b", b"second")):
        partials.path(name).write_bytes(content)
    await partials.create("whole", 16)
    await partials.concatenate("whole", [("a", 5), ("b", 6), ("a", 5)])
    assert partials.path("whole").read_bytes() == b"firstsecondfirst"


async def test_source_shorter_than_stated_is_an_error(tmp_path: Path, rpc: RpcClient) -> None:
    partials = DiskPartials(tmp_path, rpc)
    partials.path("a").write_bytes(b"short")
    await partials.create("whole", 10)
    with pytest.raises(StorageError):
        await partials.concatenate("whole", [("a", 10)])


def test_copy_stops_at_the_end_of_the_source_and_returns_the_count(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(range(100)))
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("wb") as target:
        assert copy_range.copy_range(source.fileno(), target.fileno(), 40, 100) == 60
        with pytest.raises(OSError, match="ended"):
            copy_range.copy_range(source.fileno(), target.fileno(), 100, 1)
    assert (tmp_path / "target").read_bytes() == bytes(range(40, 100))
