"""Servers that are away or refuse, and connections that break: nothing is stored by halves, and it is said why."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from media_service.core.errors.service import StorageError
from media_service.core.files import ObjectRange
from media_service.storage.s3 import completion, compose, connection, retries
from media_service.storage.s3.client import SIGNED_BYTES, S3Client
from media_service.storage.s3.completion import complete
from media_service.storage.s3.errors import PreconditionFailed, StoreUnusable
from media_service.storage.s3.location import S3Location
from media_service.storage.s3.new_object import NewObject
from tests.storage.s3.relay import SUCCESS, Relay
from tests.support.s3 import raw_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.s3 import Bucket

BYTES = random.Random(9).randbytes(3_000_000)
SHA256 = hashlib.sha256(BYTES).digest()
NEW = NewObject(key="made", metadata={"attempt": "1"})
EMPTY_SUCCESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest_asyncio.fixture
async def far(bucket: Bucket, relay: Relay) -> AsyncIterator[S3Client]:
    """Yield a client behind the relay."""
    location = S3Location.parse(f"s3://{bucket.name}/far", endpoint=relay.endpoint)
    async with S3Client(location) as client:
        yield client
        await client.delete([found.key async for found in client.list_objects("")])


async def read(client: S3Client, key: str) -> bytes:
    async with aclosing(client.get(key)) as blocks:
        return b"".join([block async for block in blocks])


async def test_put_that_was_cut_is_repeated(far: S3Client, relay: Relay) -> None:
    relay.cuts_up = [500_000, 2_000_000]
    await far.put("a", BYTES, SHA256)
    assert relay.connections >= 3
    assert await read(far, "a") == BYTES


async def test_put_whose_response_was_lost_is_repeated(far: S3Client, relay: Relay) -> None:
    relay.cuts_down = [0, 0]
    await far.put("a", BYTES, SHA256)
    assert await read(far, "a") == BYTES


@pytest.mark.parametrize("data", [BYTES, bytes(SIGNED_BYTES + 1)], ids=["signed", "unsigned"])
async def test_put_that_is_always_cut_fails_and_leaves_nothing(
    far: S3Client, relay: Relay, bucket: Bucket, data: bytes
) -> None:
    relay.cuts_up = [500_000] * 5
    with pytest.raises(StorageError):
        await far.put("a", data, hashlib.sha256(data).digest())
    async with raw_client(bucket.endpoint) as s3:
        assert (await s3.list_objects_v2(Bucket=bucket.name, Prefix="far/"))["KeyCount"] == 0


async def test_part_that_was_cut_is_repeated(far: S3Client, relay: Relay) -> None:
    upload_id = await far.multiparts.create("a", metadata={})
    relay.cuts_up = [500_000]
    etag = await far.multiparts.put_part("a", upload_id, 1, BYTES, SHA256)
    await far.multiparts.complete("a", upload_id, [etag])
    assert await read(far, "a") == BYTES


async def one_part(client: S3Client) -> tuple[str, list[str]]:
    """Return the id of a multipart upload and the ETags of its parts."""
    upload_id = await client.multiparts.create(NEW.key, metadata=NEW.metadata)
    return upload_id, [await client.multiparts.put_part(NEW.key, upload_id, 1, BYTES, SHA256)]


async def test_object_that_a_server_makes_after_its_success_is_waited_for(far: S3Client, relay: Relay) -> None:
    upload_id, etags = await one_part(far)
    await relay.drop()
    relay.cuts_up, relay.early_successes = [0], [0.2]
    await complete(far, NEW, len(BYTES), upload_id, etags)
    assert await read(far, NEW.key) == BYTES
    assert not relay.early_successes


@pytest.mark.parametrize(("success", "cuts_up"), [(SUCCESS, [0]), (EMPTY_SUCCESS, [])], ids=["late", "empty"])
async def test_object_that_a_server_only_says_it_has_made_is_a_storage_error(
    far: S3Client, relay: Relay, monkeypatch: pytest.MonkeyPatch, success: bytes, cuts_up: list[int]
) -> None:
    monkeypatch.setattr(completion, "MIN_WAIT_SECONDS", 0.0)
    upload_id, etags = await one_part(far)
    await relay.drop()
    relay.success, relay.cuts_up, relay.early_successes = success, [*cuts_up], [None]
    with pytest.raises(StorageError):
        await complete(far, NEW, len(BYTES), upload_id, etags)
    assert not relay.early_successes
    await far.multiparts.abort(NEW.key, upload_id)


@pytest.mark.usefixtures("quick")
async def test_object_is_found_though_no_response_came(far: S3Client, relay: Relay) -> None:
    upload_id, etags = await one_part(far)
    await relay.drop()
    relay.cuts_down = [0] * (len(retries.DELAYS_SECONDS) + 1)
    await complete(far, NEW, len(BYTES), upload_id, etags)
    assert not relay.cuts_down
    assert await read(far, NEW.key) == BYTES


async def test_cancelled_composition_ends_though_the_server_is_silent(
    bucket: Bucket, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "ENDING_SECONDS", 0.1)
    monkeypatch.setattr(completion, "ABORT_SECONDS", 0.1)
    async with S3Client(S3Location.parse(f"s3://{bucket.name}/far", endpoint=relay.endpoint)) as client:
        await client.put("source", BYTES, SHA256)
        pieces = [ObjectRange("source", 0, len(BYTES))]
        made = asyncio.create_task(compose.compose(client, NEW, pieces))
        while relay.connections < 2:
            await asyncio.sleep(0.001)
        relay.held_seconds = 60.0
        made.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await made
        relay.held_seconds = 0.0
    async with S3Client(S3Location.parse(f"s3://{bucket.name}/far", endpoint=bucket.endpoint)) as client:
        async for left in client.multiparts.list(""):
            await client.multiparts.abort(left.key, left.upload_id)
        await client.delete(["source", NEW.key])


async def test_server_that_copies_for_long_is_asked_once(
    bucket: Bucket, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.3)
    async with S3Client(S3Location.parse(f"s3://{bucket.name}/far", endpoint=relay.endpoint)) as client:
        upload_id, etags = await one_part(client)
        await relay.drop()
        relay.held_seconds = 1.0
        before = relay.connections
        await client.multiparts.complete(NEW.key, upload_id, etags)
        assert relay.connections == before + 1
        relay.held_seconds = 0.0
        await client.delete([NEW.key])


async def test_get_goes_on_where_the_connection_broke(far: S3Client, relay: Relay) -> None:
    await far.put("a", BYTES, SHA256)
    await relay.drop()
    relay.cuts_down = [1_000_000, 1_000_000]
    assert await read(far, "a") == BYTES
    assert not relay.cuts_down


async def test_get_never_joins_two_objects(far: S3Client, relay: Relay, bucket: Bucket) -> None:
    await far.put("a", BYTES, SHA256)
    await relay.drop()
    relay.cuts_down = [1_000_000]
    async with aclosing(far.get("a")) as blocks:
        assert BYTES.startswith(await anext(blocks))
        async with raw_client(bucket.endpoint) as s3:
            await s3.put_object(Bucket=bucket.name, Key="far/a", Body=bytes(len(BYTES)))
        with pytest.raises(PreconditionFailed):
            _ = [block async for block in blocks]


async def test_server_that_is_away_is_a_storage_error(bucket: Bucket) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        location = S3Location(bucket.name, endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}")
        async with S3Client(location) as client:
            with pytest.raises(StoreUnusable, match="cannot be reached"):
                await client.check()
            with pytest.raises(StorageError):
                await client.head("a")
            with pytest.raises(StorageError):
                await client.put("a", BYTES, SHA256)


async def test_bucket_must_exist(bucket: Bucket) -> None:
    async with S3Client(bucket.location()) as client:
        await client.check()
    async with S3Client(S3Location("no-such-bucket-here", endpoint=bucket.endpoint)) as client:
        with pytest.raises(StoreUnusable, match="NoSuchBucket"):
            await client.check()


CHECK = """
import asyncio, sys
from media_service.storage.s3.client import SIGNED_BYTES, S3Client
from media_service.storage.s3.errors import StoreUnusable
from media_service.storage.s3.location import S3Location

async def main():
    async with S3Client(S3Location(sys.argv[1], endpoint=sys.argv[2])) as client:
        for _ in range(3):
            await client.check()
            await client.put("refreshed", b"", bytes.fromhex(sys.argv[3]))
        await client.delete(["refreshed"])

try:
    asyncio.run(main())
except StoreUnusable as error:
    print(error)
"""


def checked(bucket: Bucket, home: Path, **environment: str) -> str:
    """Return what a process with these credentials, and no others, says about the bucket."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(home)} | environment
    command = [sys.executable, "-c", CHECK, bucket.name, bucket.endpoint, hashlib.sha256(b"").hexdigest()]
    ended = subprocess.run(command, env=others | settings, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def test_missing_and_wrong_credentials_are_named(bucket: Bucket, tmp_path: Path) -> None:
    assert "there are no credentials" in checked(bucket, tmp_path)
    said = checked(bucket, tmp_path, AWS_ACCESS_KEY_ID="testkey", AWS_SECRET_ACCESS_KEY="x")
    assert said == f"the object store refuses the bucket {bucket.name}: SignatureDoesNotMatch"


def test_credentials_that_expire_are_refreshed(bucket: Bucket, tmp_path: Path) -> None:
    program, calls = tmp_path / "credentials", tmp_path / "calls"
    expires = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    given = {"Version": 1, "AccessKeyId": "testkey", "SecretAccessKey": "testsecret", "Expiration": expires}
    program.write_text(f"#!/bin/sh\necho >>{calls}\necho '{json.dumps(given)}'\n")
    program.chmod(0o700)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    assert checked(bucket, tmp_path, AWS_CONFIG_FILE=str(config)) == ""
    assert len(calls.read_text()) > 3


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [("s3://media", "media", ""), ("s3://media/", "media", ""), ("s3://my.media/a/b/", "my.media", "a/b/")],
)
def test_location_is_a_bucket_and_a_prefix(url: str, bucket: str, prefix: str) -> None:
    location = S3Location.parse(url)
    assert (location.bucket, location.prefix) == (bucket, prefix)


@pytest.mark.parametrize("url", ["", "media", "s3:media", "s3://", "s3://M", "http://media/a", "s3://a_b/c"])
def test_other_locations_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket"):
        S3Location.parse(url)
