"""Tag workers are limited, can be killed, and are replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.errors.files import NotMp3, TooCostly
from media_service.core.errors.service import MediaError
from media_service.media.workers.pool import TagWorker, TagWorkerPool
from tests.conftest import missing
from tests.media.raw_id3 import frame, tag, unfolding
from tests.support.mp3 import make_frames, make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.slow

AUDIO = make_frames(40)
MIB = 1024 * 1024


@pytest_asyncio.fixture
async def worker() -> AsyncIterator[TagWorker]:
    worker = TagWorker()
    yield worker
    await worker.close()
    assert children() == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(make_mp3(1, {"title": "밤"}))
    return path


def children() -> list[int]:
    """Return the process ids of the running tag workers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if (
                int(parent) == os.getpid()
                and state != "Z"
                and b"workers.tag_worker" in (stat.parent / "cmdline").read_bytes()
            ):
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


async def child() -> int:
    """Return the process id of the only worker, once it runs."""
    async with asyncio.timeout(10):
        while len(found := children()) != 1:
            await asyncio.sleep(0.01)
    return found[0]


async def next_question_works(worker: TagWorker, path: Path) -> None:
    path.write_bytes(make_mp3(1, {"title": "밤"}))
    answer, _ = await worker.call("plan", path, tags={})
    assert answer["carried"]["tags"] == {"title": "밤"}


async def test_one_worker_handles_all_requests(worker: TagWorker, path: Path) -> None:
    answer, attached = await worker.call("measure", path)
    assert answer["facts"]["channels"] == 2
    assert attached == b""
    first = await child()
    _, head = await worker.call("plan", path, tags={"artist": "김"})
    assert head.startswith(b"ID3\x04")
    assert await child() == first


async def test_worker_is_started_by_the_first_request(worker: TagWorker) -> None:
    await asyncio.sleep(0)
    assert children() == []
    await worker.close()


async def test_concurrent_requests_get_their_own_replies(worker: TagWorker, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.partial" for number in range(10)]
    for number, each in enumerate(paths):
        each.write_bytes(make_mp3(0.2, {"title": str(number)}))
    answers = await asyncio.gather(*(worker.call("plan", each, tags={}) for each in paths))
    assert [answer["carried"]["tags"]["title"] for answer, _ in answers] == [str(number) for number in range(10)]


async def test_large_head_is_transferred_completely(worker: TagWorker, path: Path) -> None:
    path.write_bytes(tag(frame("APIC", b"\x00image/png\x00\x03\x00" + bytes(8 * MIB))) + AUDIO)
    answer, head = await worker.call("plan", path, tags={"title": "밤"})
    assert len(head) > 8 * MIB
    assert len(head) % 4096 == answer["cut"] % 4096


async def test_missing_file_raises(worker: TagWorker, tmp_path: Path, path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await worker.call("plan", tmp_path / "missing", tags={})
    await next_question_works(worker, path)


async def test_missing_file_is_not_refused_as_not_mp3(worker: TagWorker, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await worker.call("measure", tmp_path / "missing")


@pytest.mark.parametrize("question", ["measure", "plan"])
async def test_unreadable_file_is_a_media_error(worker: TagWorker, question: str) -> None:
    """`/proc/self/mem` stands for a bad disk: it can be opened, and reading at its beginning fails."""
    with pytest.raises(MediaError):
        await worker.call(question, Path("/proc/self/mem"), tags={"title": "x"})


async def test_folder_is_a_media_error(worker: TagWorker, tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        await worker.call("measure", tmp_path)


async def test_worker_that_cannot_start_is_a_media_error(tmp_path: Path, path: Path) -> None:
    """Under a hard limit of memory lower than its own, the worker ends before it reads a request."""
    script = (
        "import asyncio, resource, sys; from pathlib import Path;"
        "from media_service.media.workers.pool import TagWorker;"
        "resource.setrlimit(resource.RLIMIT_AS, (100 << 20, 100 << 20));"
        "asyncio.run(TagWorker().call('measure', Path(sys.argv[1])))"
    )
    command = ["unshare", "-r", sys.executable, "-c", script, str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    if "unshare failed" in ended.stderr:
        missing("unshare")
    assert ended.stderr.splitlines()[-1].startswith("media_service.core.errors.service.MediaError"), ended.stderr


async def test_any_file_name_is_accepted(worker: TagWorker, tmp_path: Path) -> None:
    path = tmp_path / "줄\n바꿈 \udcff.partial"
    path.write_bytes(AUDIO)
    assert (await worker.call("measure", path))[0]["facts"]["channels"] == 2


async def test_other_formats_are_refused(worker: TagWorker, path: Path) -> None:
    path.write_bytes(b"words " * 10_000)
    with pytest.raises(NotMp3) as refused:
        await worker.call("measure", path)
    assert refused.value.reason == "it has no MPEG audio frame"


async def test_worker_killed_between_requests_is_replaced(worker: TagWorker, path: Path) -> None:
    await worker.call("measure", path)
    first = await child()
    os.kill(first, signal.SIGKILL)
    await next_question_works(worker, path)
    assert await child() != first


async def test_worker_found_dead_is_replaced(worker: TagWorker, path: Path) -> None:
    await worker.call("measure", path)
    os.kill(await child(), signal.SIGTERM)
    await asyncio.sleep(0.2)
    await next_question_works(worker, path)


async def test_request_is_repeated_if_its_worker_is_killed(worker: TagWorker, path: Path) -> None:
    asking = await ask_what_blocks(worker, path)
    os.kill(await child(), signal.SIGKILL)
    answer, _ = await asking
    assert answer["facts"]["channels"] == 2


async def test_file_that_kills_two_workers_is_too_costly(worker: TagWorker, path: Path) -> None:
    asking = await ask_what_blocks(worker, path)
    first = await child()
    os.kill(first, signal.SIGKILL)
    while (second := await child()) == first:
        await asyncio.sleep(0)
    # Starting takes far longer than finding and killing the process.
    os.kill(second, signal.SIGKILL)
    with pytest.raises(TooCostly):
        await asking
    await next_question_works(worker, path)


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


async def test_reply_to_a_cancelled_request_is_discarded(worker: TagWorker, path: Path) -> None:
    asking = await ask_what_blocks(worker, path)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await next_question_works(worker, path)


async def ask_what_blocks(worker: TagWorker, path: Path) -> asyncio.Task[tuple[dict[str, Any], bytes]]:
    """Return a running request to a worker that was stopped."""
    await worker.call("measure", path)
    os.kill(await child(), signal.SIGSTOP)
    asking = asyncio.create_task(worker.call("measure", path))
    await asyncio.sleep(0.2)
    return asking


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


def processor_seconds(pid: int) -> float:
    """Return the processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_processor_time_limit_applies_to_each_request(worker: TagWorker, path: Path) -> None:
    path.write_bytes(tag(frame("APIC", b"\x00image/png\x00\x03\x00" + bytes(8 * MIB))) + AUDIO)
    await worker.call("measure", path)
    pid = await child()
    while processor_seconds(pid) < 1.5:
        await worker.call("plan", path, tags={"title": "밤"})
    assert await child() == pid


async def test_close_ends_the_worker_and_may_be_repeated(worker: TagWorker, path: Path) -> None:
    await worker.call("measure", path)
    await worker.close()
    await worker.close()
    assert children() == []
    await next_question_works(worker, path)


async def test_slow_file_does_not_delay_others(path: Path) -> None:
    pool = TagWorkerPool(2)
    await pool.call("measure", path)
    os.kill(await child(), signal.SIGSTOP)
    slow = asyncio.create_task(pool.call("measure", path))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(pool.call("plan", path, tags={}) for _ in range(20)))
    assert {answer["carried"]["tags"]["title"] for answer, _ in answers} == {"밤"}
    assert not slow.done()
    assert len(children()) == 2
    slow.cancel()
    with suppress(asyncio.CancelledError):
        await slow
    await pool.close()
    assert children() == []


async def test_pool_restarts_killed_workers(path: Path) -> None:
    pool = TagWorkerPool(2)
    for _ in range(3):
        await asyncio.gather(*(pool.call("plan", path, tags={}) for _ in range(4)))
        for pid in children():
            os.kill(pid, signal.SIGKILL)
    answer, _ = await pool.call("plan", path, tags={})
    assert answer["carried"]["tags"] == {"title": "밤"}
    await pool.close()


async def test_pool_starts_only_needed_workers(path: Path) -> None:
    pool = TagWorkerPool(4)
    await pool.call("plan", path, tags={})
    await asyncio.gather(*(pool.call("plan", path, tags={}) for _ in range(8)))
    assert len(children()) == 1
    await pool.close()


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
