"""Tag workers can be killed, and are replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from media_service.core.errors.files import NotMp3, TooCostly
from media_service.core.errors.service import MediaError
from media_service.media.workers.pool import TagWorker, TagWorkerPool
from tests.conftest import missing
from tests.media.raw_id3 import frame, tag
from tests.media.workers.processes import AUDIO, MIB, ask_what_blocks, child, children, next_question_works
from tests.support.mp3 import make_mp3

pytestmark = pytest.mark.slow


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


async def test_reply_to_a_cancelled_request_is_discarded(worker: TagWorker, path: Path) -> None:
    asking = await ask_what_blocks(worker, path)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await next_question_works(worker, path)


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
