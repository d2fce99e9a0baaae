"""Suite of `core.ports.partials.SliceDigest`: the SHA-256 of what was written, whoever computes it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.storage.slice_digest import InlineDigest, SidecarDigest
from tests.storage.test_sync_server import opened, partials_in, value, write
from tests.support.rpc import storage_rpc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from media_service.ipc.client import RpcClient
    from media_service.storage.open_partial import OpenPartial
    from media_service.storage.slice_digest import SliceDigest

T = TypeVar("T")

MIB = 1024 * 1024
CONTENT = random.Random(71).randbytes(3 * MIB)
ADAPTERS: dict[str, Callable[[RpcClient, OpenPartial, int], SliceDigest]] = {
    "inline": lambda rpc, partial, start: InlineDigest(),
    "sidecar": lambda rpc, partial, start: SidecarDigest(rpc, os.fsencode(partial.path), start),
}


def with_partial(folder: Path, use: Callable[[RpcClient, OpenPartial], Awaitable[T]]) -> T:
    """Return what `use` returns when it is called with a partial of this folder."""

    async def call() -> T:
        async with storage_rpc() as rpc:
            partial = opened(partials := partials_in(folder, rpc))
            result = await use(rpc, partial)
            partials.release(partial)
            partials.close_idle()
            return result

    return asyncio.run(call())


@pytest.mark.parametrize("adapter", ADAPTERS)
@given(
    start=st.integers(0, 3 * MIB),
    size=st.integers(1, 3 * MIB),
    block=st.sampled_from([4096, 100_000, 256 * 1024, MIB + 1]),
)
@settings(max_examples=12, deadline=None)
def test_digest_is_that_of_all_blocks(
    tmp_path_factory: pytest.TempPathFactory, adapter: str, start: int, size: int, block: int
) -> None:
    async def digest_of_slice(rpc: RpcClient, partial: OpenPartial) -> bytes:
        digest = ADAPTERS[adapter](rpc, partial, start)
        await write(partial, digest, start, CONTENT[:size], block)
        return await value(digest)

    folder = tmp_path_factory.mktemp("digests")
    assert with_partial(folder, digest_of_slice) == hashlib.sha256(CONTENT[:size]).digest()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_slices_of_one_partial_have_digests_of_their_own(tmp_path: Path, adapter: str) -> None:
    async def digests_of_halves(rpc: RpcClient, partial: OpenPartial) -> list[bytes]:
        first, second = (ADAPTERS[adapter](rpc, partial, start) for start in (0, MIB))
        await asyncio.gather(
            write(partial, first, 0, CONTENT[:MIB]), write(partial, second, MIB, CONTENT[MIB : 2 * MIB])
        )
        return list(await asyncio.gather(value(first), value(second)))

    halves = CONTENT[:MIB], CONTENT[MIB : 2 * MIB]
    assert with_partial(tmp_path, digests_of_halves) == [hashlib.sha256(half).digest() for half in halves]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_ended_digest_may_be_left_unread(tmp_path: Path, adapter: str) -> None:
    async def end_only(rpc: RpcClient, partial: OpenPartial) -> None:
        digest = ADAPTERS[adapter](rpc, partial, 0)
        await write(partial, digest, 0, CONTENT[:MIB])
        digest.end()

    with_partial(tmp_path, end_only)
