"""Spools on a disk and in buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.contracts.spool.adapters import AUDIO, open_place
from tests.contracts.wrappers import byte_adapters
from tests.support.s3 import Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.files import Source
    from tests.contracts.spool.adapters import SpoolPlace

__all__ = ["buckets"]

ADAPTERS = byte_adapters("assemble")


@pytest.fixture(params=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def place(adapter: str, buckets: Buckets, tmp_path: Path) -> AsyncIterator[SpoolPlace]:
    async with open_place(adapter, buckets, tmp_path) as place:
        yield place


@pytest_asyncio.fixture
async def spool(adapter: str, place: SpoolPlace) -> Any:
    return ADAPTERS[adapter](await place.spool())


@pytest_asyncio.fixture
async def source(place: SpoolPlace) -> Source:
    return await place.source("a.partial", AUDIO)
