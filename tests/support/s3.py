"""A bucket on each S3 server, which lives as long as the tests of one process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from media_service.storage.s3.connection import process_session
from media_service.storage.s3.location import S3Location
from tests.services.s3 import ACCESS_KEY, CREDENTIALS, REGION, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiobotocore.session import ClientCreatorContext
    from types_aiobotocore_s3.client import S3Client

    from tests.services.s3 import Buckets as ServerBuckets

ENGINES = ("versitygw", "s3proxy")
"""The servers under test: the names of their fixtures."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket for tests; each takes a prefix of its own."""

    name: str
    endpoint: str

    def location(self) -> S3Location:
        """Return a place with no objects."""
        return S3Location.parse(f"s3://{self.name}/{secrets.token_hex(8)}", endpoint=self.endpoint, region=REGION)


class Buckets:
    """A bucket on each server, made when it is first asked for."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._made: dict[str, Bucket] = {}

    def on(self, engine: str) -> Bucket:
        """Return the bucket on this server; skip the test if it is missing on this machine."""
        if engine not in self._made:
            server: ServerBuckets = self._request.getfixturevalue(engine)
            self._made[engine] = Bucket(server.create(), server.endpoint)
        return self._made[engine]


@pytest.fixture(scope="session")
def buckets(request: pytest.FixtureRequest) -> Iterator[Buckets]:
    """Yield the buckets, and let the AWS chain find the servers' credentials, and no file of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield Buckets(request)


def raw_client(endpoint: str) -> ClientCreatorContext[S3Client]:
    """Return a client for what the service does not do itself."""
    return process_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
