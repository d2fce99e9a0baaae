"""A prefix belongs to the catalogue that used it first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from media_service.storage.s3.owner import claim_prefix

if TYPE_CHECKING:
    from media_service.storage.s3.client import S3Client


async def test_prefix_belongs_to_the_first_for_good(client: S3Client) -> None:
    assert await claim_prefix(client, "first")
    assert not await claim_prefix(client, "second")
    assert await claim_prefix(client, "first")


async def test_of_many_that_begin_at_once_at_most_one_is_the_owner_in_the_end(client: S3Client) -> None:
    await asyncio.gather(*(claim_prefix(client, str(number)) for number in range(8)))
    owners = [await claim_prefix(client, str(number)) for number in range(8)]
    assert sum(owners) == 1
