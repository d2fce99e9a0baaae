"""Real S3 servers of two code bases, with a bucket on each that lives as long as the tests of one process."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from aiobotocore.session import get_session

from media_service.storage.s3.location import S3Location
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiobotocore.session import ClientCreatorContext
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import ObjectIdentifierTypeDef

ENGINES = {
    "versitygw": os.environ.get("TEST_VERSITYGW", "http://127.0.0.1:9100"),
    "s3proxy": os.environ.get("TEST_S3PROXY", "http://127.0.0.1:9200"),
}
"""Endpoints of the servers under test."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket for tests; each takes a prefix of its own."""

    name: str
    endpoint: str

    def location(self) -> S3Location:
        """Return a place with no objects."""
        return S3Location.parse(f"s3://{self.name}/{secrets.token_hex(8)}", endpoint=self.endpoint, region="us-east-1")


class Buckets:
    """A bucket on each server, made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Bucket] = {}

    def on(self, engine: str) -> Bucket:
        """Return the bucket on this server; skip the test if it does not run."""
        if engine not in self._made:
            self._made[engine] = asyncio.run(make_bucket(endpoint_of(engine)))
        return self._made[engine]

    def drop(self) -> None:
        """Delete all buckets."""
        for bucket in self._made.values():
            asyncio.run(delete_bucket(bucket))


@pytest.fixture(scope="session")
def buckets() -> Iterator[Buckets]:
    """Yield the buckets, and let the AWS chain find the servers' credentials, and no file of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        buckets = Buckets()
        yield buckets
        buckets.drop()


def endpoint_of(engine: str) -> str:
    """Return the server's endpoint; skip the test if it does not run."""
    endpoint = ENGINES[engine]
    parts = urlsplit(endpoint)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5).close()
    except OSError:
        missing(f"the S3 server {engine} at {endpoint}")
    return endpoint


def raw_client(endpoint: str) -> ClientCreatorContext[S3Client]:
    """Return a client for what the service does not do itself."""
    return get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


async def make_bucket(endpoint: str) -> Bucket:
    """Return a new bucket."""
    name = f"s3client-{secrets.token_hex(6)}"
    async with raw_client(endpoint) as s3:
        await s3.create_bucket(Bucket=name)
    return Bucket(name, endpoint)


async def delete_bucket(bucket: Bucket) -> None:
    """Delete the bucket and all that is in it."""
    async with raw_client(bucket.endpoint) as s3:
        while listed := (await s3.list_objects_v2(Bucket=bucket.name)).get("Contents"):
            keys: list[ObjectIdentifierTypeDef] = [{"Key": found["Key"]} for found in listed]
            await s3.delete_objects(Bucket=bucket.name, Delete={"Objects": keys})
        for upload in (await s3.list_multipart_uploads(Bucket=bucket.name)).get("Uploads", ()):
            await s3.abort_multipart_upload(Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"])
        # S3Proxy keeps folders of what was cut, and then the bucket too.
        with suppress(s3.exceptions.ClientError):
            await s3.delete_bucket(Bucket=bucket.name)
