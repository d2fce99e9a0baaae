"""Fixtures of the tests of the object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.storage.s3 import retries
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.scratch import Scratch
from tests.storage.s3.relay import Relay
from tests.support.s3 import ENGINES, Bucket, Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.storage.s3.location import S3Location

__all__ = ["buckets"]


@pytest.fixture(params=list(ENGINES))
def bucket(request: pytest.FixtureRequest, buckets: Buckets) -> Bucket:
    """Return a bucket on each of the servers."""
    return buckets.on(request.param)


@pytest.fixture
def location(bucket: Bucket) -> S3Location:
    """Return a place without objects."""
    return bucket.location()


@pytest_asyncio.fixture
async def client(bucket: Bucket) -> AsyncIterator[S3Client]:
    """Yield a client of a place without objects."""
    async with S3Client(bucket.location()) as client:
        yield client


@pytest_asyncio.fixture
async def scratch(tmp_path: Path) -> AsyncIterator[Scratch]:
    scratch = Scratch(tmp_path / "scratch")
    await scratch.prepare()
    yield scratch
    scratch.close()


@pytest_asyncio.fixture
async def relay(bucket: Bucket) -> AsyncIterator[Relay]:
    async with Relay(bucket.endpoint) as relay:
        yield relay


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat requests at once."""
    monkeypatch.setattr(retries, "DELAYS_SECONDS", (0.01,) * len(retries.DELAYS_SECONDS))
