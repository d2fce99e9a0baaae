"""Suite of `core.ports.upload_store`: bytes are durable after a commit, or it fails."""

from __future__ import annotations

import pytest

from media_service.core.errors.service import StorageError
from media_service.core.upload import Slice
from tests.contracts.upload_store.adapters import PARTIALS, Subject, fetched, locked, send


async def test_committed_bytes_survive_a_crash(subject: Subject) -> None:
    await subject.store.create("a", 10)
    slices = [await send(subject.store, "a", 0, b"synced")]
    after = await subject.crash()
    assert await after.list_ids() == ["a"]
    assert (await fetched(after, "a", slices))[:6] == b"synced"


async def test_all_bytes_survive_a_crash_after_they_were_synced_together(subject: Subject) -> None:
    await subject.store.create("a", 10)
    slices = [await send(subject.store, "a", 0, b"one", sync=False)]
    slices.append(await send(subject.other, "a", 3, b"two", sync=False))
    await subject.other.sync_all("a")
    assert (await fetched(await subject.crash(), "a", slices))[:6] == b"onetwo"


async def test_concatenated_bytes_survive_a_crash(subject: Subject) -> None:
    await subject.store.create("a", 4)
    slices = [await send(subject.store, "a", 0, b"part")]
    await subject.store.create("whole", 8)
    stored = await subject.store.concatenate("whole", [("a", slices, 4), ("a", slices, 4)])
    assert await fetched(await subject.crash(), "whole", [Slice(0, 8, None, stored)]) == b"partpart"


@pytest.mark.parametrize("adapter", PARTIALS, indirect=True)
@pytest.mark.parametrize("sync", [False, True])
async def test_slices_before_a_failed_sync_are_lost_and_later_ones_are_not(subject: Subject, *, sync: bool) -> None:
    """The kernel reports lost pages once: the next sync of the same file succeeds."""
    await subject.store.create("a", 10)
    failing, before = await locked(subject.store, 0, 4), await locked(subject.store, 4, 4)
    await failing.write(b"lost")
    await before.write(b"lost")
    with subject.syncs_fail(), pytest.raises(StorageError):
        await failing.commit()
    with pytest.raises(StorageError):
        await before.commit(sync=sync)
    failing.close()
    before.close()
    await send(subject.store, "a", 0, b"again")
    assert (await fetched(await subject.crash(), "a"))[:5] == b"again"


@pytest.mark.parametrize("adapter", PARTIALS, indirect=True)
async def test_failed_sync_of_all_is_an_error(subject: Subject) -> None:
    await subject.store.create("a", 10)
    await send(subject.store, "a", 0, b"lost", sync=False)
    with subject.syncs_fail(), pytest.raises(StorageError):
        await subject.store.sync_all("a")
