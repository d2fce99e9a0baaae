"""Tag workers are limited in processor time, and hostile tags cost no more than that."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.files import NotMp3, TooCostly
from tests.media.raw_id3 import frame, tag, unfolding
from tests.media.workers.processes import AUDIO, MIB, ask_what_blocks, child, next_question_works, processor_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("limit", [signal.SIGPROF, signal.SIGXCPU])
async def test_worker_out_of_processor_time_is_not_retried(
    worker: TagWorker, path: Path, limit: signal.Signals
) -> None:
    asking = await ask_what_blocks(worker, path)
    pid = await child()
    os.kill(pid, limit)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(TooCostly):
        await asking
    await next_question_works(worker, path)


async def test_request_may_take_one_second_of_processor_time(worker: TagWorker, path: Path) -> None:
    path.write_bytes(tag(frame("EQU2", bytes(MIB), 4), 4) + AUDIO)
    await worker.call("plan", path, tags={})
    pid = await child()
    asking = asyncio.create_task(worker.call("measure", path))
    used = 0.0
    while not asking.done():
        with suppress(OSError, ValueError):
            used = max(used, processor_seconds(pid))
        await asyncio.sleep(0.02)
    with pytest.raises(TooCostly):
        await asking
    assert 0.8 < used < 2
    await next_question_works(worker, path)


async def test_processor_time_limit_applies_to_each_request(worker: TagWorker, path: Path) -> None:
    path.write_bytes(tag(frame("APIC", b"\x00image/png\x00\x03\x00" + bytes(8 * MIB))) + AUDIO)
    await worker.call("measure", path)
    pid = await child()
    while processor_seconds(pid) < 1.5:
        await worker.call("plan", path, tags={"title": "밤"})
    assert await child() == pid


HOSTILE = {
    "many": lambda: tag(b"".join(frame("TXXX", f"\x03{n}\x00v".encode(), 4) for n in range(200_000)), 4),
    "bomb": lambda: tag(unfolding("TXXX", b"\x03d\x00", 1100 * MIB), 4),
    "huge": lambda: tag(frame("APIC", b"\x00image/png\x00\x03\x00" + bytes(200 * MIB))),
    "title": lambda: tag(frame("TIT2", b"\x03" + b"x" * (2 * MIB), 4), 4),
}


@pytest.mark.parametrize(("kind", "question"), [("many", "measure"), ("huge", "plan"), ("title", "plan")])
async def test_hostile_tag_takes_bounded_time_and_the_next_request_works(
    worker: TagWorker, path: Path, kind: str, question: str
) -> None:
    path.write_bytes(HOSTILE[kind]() + AUDIO)
    began = time.monotonic()
    with suppress(TooCostly, NotMp3):
        answer, head = await worker.call(question, path, tags={"title": "밤"})
        assert answer["bytes"] == len(head)
    assert time.monotonic() - began < 60
    await next_question_works(worker, path)


async def test_frame_that_expands_to_gigabytes_is_too_costly(worker: TagWorker, path: Path) -> None:
    path.write_bytes(HOSTILE["bomb"]() + AUDIO)
    with pytest.raises(TooCostly):
        await worker.call("measure", path)
    await next_question_works(worker, path)


async def test_frame_that_expands_to_gigabytes_is_kept_unread(worker: TagWorker, path: Path) -> None:
    path.write_bytes((bomb := HOSTILE["bomb"]()) + AUDIO)
    answer, head = await worker.call("plan", path, tags={"title": "밤"})
    assert answer["carried"]["tags"] == {"title": "밤"}
    assert bomb[10:] in head
