"""Fixtures of the storage tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.support.rpc import storage_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.ipc.client import RpcClient


@pytest_asyncio.fixture
async def rpc() -> AsyncIterator[RpcClient]:
    """Yield a client of the sync server."""
    async with storage_rpc() as rpc:
        yield rpc
