"""Leases: the newest writer wins, and no writer is idle for longer than the timeout."""

from __future__ import annotations

import asyncio

import pytest

from media_service.core.errors.requests import BodyTooSlow, IdleTimeout
from media_service.core.errors.uploads import SpanOverlaps, Superseded
from media_service.intake.receiving.leases import Leases


async def test_newer_writer_ends_the_older_and_waits_for_it() -> None:
    leases = Leases()
    order = []

    async def older() -> None:
        lease = leases.acquire(0, 100, idle=30)
        try:
            with pytest.raises(Superseded):
                async with lease:
                    await asyncio.sleep(30)
            order.append("older ended")
        finally:
            lease.release()

    task = asyncio.create_task(older())
    await asyncio.sleep(0)
    assert await leases.end(50, 60)
    order.append("newer goes on")
    await task
    assert order == ["older ended", "newer goes on"]
    assert not leases


async def test_older_writer_waits_for_the_newer_one() -> None:
    leases = Leases()
    lease = leases.acquire(0, 100, idle=30, arrived=2)
    waiting = asyncio.create_task(leases.end(50, 60, arrived=1))
    async with lease:
        await asyncio.sleep(0.01)
        assert not waiting.done()
    lease.release()
    assert await waiting


async def test_writer_of_other_bytes_is_left_alone() -> None:
    leases = Leases()
    leases.acquire(0, 100, idle=30)
    assert not await leases.end(100, 200)
    assert leases.overlapping(0, 1)


async def test_writer_that_only_records_is_waited_for_not_ended() -> None:
    leases = Leases()
    lease = leases.acquire(0, 100, idle=30)
    async with lease:
        pass
    waiting = asyncio.create_task(leases.end(0, 100))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    lease.release()
    assert await waiting


async def test_writer_superseded_before_it_read_ends_at_once() -> None:
    leases = Leases()
    lease = leases.acquire(0, 100, idle=30)
    lease.supersede()
    with pytest.raises(Superseded):
        async with lease:
            pytest.fail("nothing may be read")


async def test_idle_writer_ends_and_a_busy_one_does_not() -> None:
    leases = Leases()
    lease = leases.acquire(0, 100, idle=0.1)

    async def busy_then_idle() -> None:
        async with lease:
            for stop in range(10, 50, 10):
                await asyncio.sleep(0.05)
                lease.extend(stop)
            await asyncio.sleep(1)

    with pytest.raises(IdleTimeout) as raised:
        await busy_then_idle()
    assert raised.value.seconds == 0.1
    assert lease.stop == 100


async def test_writer_that_is_too_slow_ends_though_it_never_stands_still() -> None:
    leases = Leases()
    lease = leases.acquire(0, 1000, idle=0.2, rate=200)

    async def drip() -> None:
        async with lease:
            for stop in range(10, 1000, 1):
                await asyncio.sleep(0.02)
                lease.extend(stop)

    with pytest.raises(BodyTooSlow) as raised:
        await drip()
    assert (raised.value.rate, raised.value.seconds) == (200, 0.2)
    assert lease.due is None


async def test_writer_of_unknown_size_stops_at_another_writers_bytes() -> None:
    leases = Leases()
    leases.acquire(100, 200, idle=30)
    growing = leases.acquire(0, None, idle=30)
    growing.extend(100)
    with pytest.raises(SpanOverlaps):
        growing.extend(101)


async def test_each_reader_of_an_upload_has_an_idle_time_of_its_own() -> None:
    leases = Leases()
    ended = []

    async def silent(name: str, start: int) -> None:
        lease = leases.acquire(start, start + 1, idle=0.1)
        with pytest.raises(IdleTimeout):
            async with lease:
                await asyncio.sleep(5)
        ended.append(name)

    async with asyncio.timeout(2), asyncio.TaskGroup() as group:
        group.create_task(silent("first", 0))
        await asyncio.sleep(0.05)
        group.create_task(silent("second", 1))
    assert ended == ["first", "second"]


async def test_client_that_goes_while_it_is_superseded_is_gone() -> None:
    leases = Leases()
    lease = leases.acquire(0, 100, idle=30)

    async def read() -> None:
        async with lease:
            await asyncio.sleep(30)

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    lease.supersede()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_superseded_reader_may_be_waited_for_and_cancelled_as_any_other_task() -> None:
    leases = Leases()
    lease = leases.acquire(0, 100, idle=30)

    async def read_then_time_out() -> None:
        with pytest.raises(Superseded):
            async with lease:
                await asyncio.sleep(30)
        async with asyncio.timeout(0.01):
            await asyncio.sleep(30)

    reading = asyncio.create_task(read_then_time_out())
    await asyncio.sleep(0)
    lease.supersede()
    with pytest.raises(TimeoutError):
        await reading
