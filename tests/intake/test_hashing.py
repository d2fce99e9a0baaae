"""A body's digest, however its blocks come."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.intake.hashing import AHEAD, WORTH_A_HOP, Hashing

HASHING = Hashing()
SIZES = st.sampled_from([1, 1000, WORTH_A_HOP - 1, WORTH_A_HOP, 4 * WORTH_A_HOP, AHEAD + 1])


async def digest_of(blocks: list[bytes]) -> bytes:
    seen = HASHING.begin()
    for block in blocks:
        await seen.update(block)
    return await seen.digest()


@given(st.lists(SIZES, max_size=20))
def test_blocks_of_any_size_digest_in_their_order(sizes: list[int]) -> None:
    blocks = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    assert asyncio.run(digest_of(blocks)) == hashlib.sha256(b"".join(blocks)).digest()


async def test_bodies_beside_each_other_do_not_mix() -> None:
    bodies = [[bytes([number]) * 4 * WORTH_A_HOP] * 20 for number in range(30)]
    digests = await asyncio.gather(*(digest_of(body) for body in bodies))
    assert digests == [hashlib.sha256(b"".join(body)).digest() for body in bodies]


async def test_no_more_than_so_much_waits_to_be_hashed() -> None:
    seen = HASHING.begin()
    block = bytes(4 * WORTH_A_HOP)
    async with asyncio.timeout(30):
        for _ in range(200):
            await seen.update(block)
            assert seen.waiting <= AHEAD


async def test_a_body_that_is_given_up_leaves_the_threads_to_others() -> None:
    async def endless() -> None:
        seen = HASHING.begin()
        while True:
            await seen.update(bytes(4 * WORTH_A_HOP))

    tasks = [asyncio.create_task(endless()) for _ in range(20)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    async with asyncio.timeout(30):
        assert await digest_of([b"a" * AHEAD]) == hashlib.sha256(b"a" * AHEAD).digest()


@pytest.mark.parametrize("size", [0, 1, WORTH_A_HOP])
async def test_a_digest_is_the_same_when_asked_again(size: int) -> None:
    seen = HASHING.begin()
    await seen.update(b"z" * size)
    assert await seen.digest() == await seen.digest() == hashlib.sha256(b"z" * size).digest()
