"""Fixtures of the storage tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from media_service.storage.upload_store import DiskUploadStore
from tests.storage.partials import notified, open_files
from tests.support.rpc import storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.ipc.client import RpcClient


@pytest_asyncio.fixture
async def rpc() -> AsyncIterator[RpcClient]:
    """Yield a client of the sync server."""
    async with storage_rpc() as rpc:
        yield rpc


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[DiskUploadStore]:
    """Yield partials in an empty folder; check that no descriptor leaks."""
    before = open_files()
    async with storage_rpc() as rpc:
        store = DiskUploadStore(tmp_path / "deep" / "partials", rpc)
        await store.prepare()
        among = open_files()
        yield store
        store.close_idle()
        await notified(rpc)
        assert open_files() == among
    assert open_files() == before
