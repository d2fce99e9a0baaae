"""Fixtures of the tests of the object store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.storage.s3.client import S3Client
from tests.support.s3 import ENGINES, Bucket, Buckets, buckets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
