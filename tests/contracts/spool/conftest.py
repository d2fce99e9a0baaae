"""Spools on a disk and in buckets."""

from __future__ import annotations

from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.storage.s3.client import S3Client
from media_service.storage.s3.scratch import Scratch
from tests.contracts.spool.adapters import AUDIO, DiskPlace, S3Place
from tests.contracts.wrappers import plain, wrapped
from tests.support.s3 import ENGINES, Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from media_service.core.files import Source
    from tests.contracts.spool.adapters import SpoolPlace
    from tests.support.s3 import Bucket

__all__ = ["buckets"]

ADAPTERS: dict[str, Callable[[Any], Any]] = {
    "disk": plain,
    "wrapped": lambda spool: wrapped(spool, "assemble"),
    **dict.fromkeys(ENGINES, plain),
}


@pytest.fixture(params=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bucket(adapter: str, buckets: Buckets) -> Bucket | None:
    return buckets.on(adapter) if adapter in ENGINES else None


@pytest_asyncio.fixture
async def place(bucket: Bucket | None, tmp_path: Path) -> AsyncIterator[SpoolPlace]:
    async with AsyncExitStack() as resources:
        if bucket is None:
            yield DiskPlace(tmp_path)
        else:
            client = await resources.enter_async_context(S3Client(bucket.location()))
            scratch = resources.enter_context(closing(Scratch(tmp_path / "scratch")))
            await scratch.prepare()
            yield S3Place(client, tmp_path, scratch)


@pytest_asyncio.fixture
async def spool(adapter: str, place: SpoolPlace) -> Any:
    return ADAPTERS[adapter](await place.spool())


@pytest_asyncio.fixture
async def source(place: SpoolPlace) -> Source:
    return await place.source("a.partial", AUDIO)
