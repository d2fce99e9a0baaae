"""Fixtures of the tests of the object store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.storage.s3.client import S3Client
from tests.storage.s3.servers import CREDENTIALS, ENGINES, Bucket, delete_bucket, endpoint_of, make_bucket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session", params=list(ENGINES))
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """Yield a bucket on each of the servers."""
    bucket = asyncio.run(make_bucket(endpoint_of(request.param)))
    yield bucket
    asyncio.run(delete_bucket(bucket))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the AWS chain find the servers' credentials, and no file of this machine."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest_asyncio.fixture
async def client(bucket: Bucket) -> AsyncIterator[S3Client]:
    """Yield a client of a place without objects."""
    async with S3Client(bucket.location()) as client:
        yield client
