"""What tests of killed processes share: sending while something is killed, and what must be there at the end."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.mp3 import HEADER, make_mp3_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from tests.support.api import Api
    from tests.torture.bad_lines import BadLines
    from tests.torture.chaotic_clients import Sender

MAX_SLICES = 60
"""Maximum of slices and appends that are recorded between two kills."""


@contextmanager
def seed_in_failures(**variables: object) -> Iterator[None]:
    """Add to a failure the variables that repeat the run."""
    try:
        yield
    except BaseException as error:
        error.add_note(" ".join(f"{name}={value}" for name, value in variables.items()))
        raise


async def send_while_killing(
    lines: BadLines,
    senders: Sequence[Sender],
    kills: Sequence[Callable[[], None]],
    source: random.Random,
    *others: Coroutine[None, None, None],
) -> None:
    """Kill one after the other while all send, and `others` run; return when every file that was begun is finished."""
    stop = asyncio.Event()
    sending = [asyncio.create_task(sender.run(stop)) for sender in senders]
    tasks = [*sending, *map(asyncio.create_task, others)]
    try:
        for kill in kills:
            # Now and then two die together.
            goal = lines.recorded + source.choice([0, 1, 1]) * source.randint(1, MAX_SLICES)
            while lines.recorded < goal:
                await asyncio.sleep(0.01)
                _fail_early(tasks)
            await asyncio.to_thread(kill)
            await asyncio.gather(*(sender.check() for sender in senders))
            _fail_early(tasks)
        stop.set()
        await asyncio.gather(*sending)
    finally:
        for task in tasks:
            task.cancel()


def _fail_early(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def end_unheard(api: Api, senders: Sequence[Sender]) -> None:
    """Cancel uploads whose creation was not acknowledged: their client does not know them, and no byte of them came."""
    known = {upload_id for sender in senders for upload_id in sender.finished}
    for upload in await api.listed("limit=200&state=receiving,received,verified"):
        assert upload["id"] not in known
        assert (upload["state"], upload["received"]) == ("receiving", []), upload
        cancelled = await api.request("DELETE", f"/api/v1/uploads/{upload['id']}", headers=api.admin)
        assert cancelled.status == 204


async def send_one_more(api: Api, sender: Sender, seed: int) -> None:
    """Send a file in the ordinary way: nobody has locked anything."""
    content = make_mp3_of(200_000, seed=seed)
    upload_id = (await api.create(length=len(content)))["id"]
    assert (await api.send_all(upload_id, content, 64 * 1024))["state"] == "spooled"
    sender.finished[upload_id] = content


async def files_of(api: Api, senders: Sequence[Sender]) -> dict[str, dict[str, Any]]:
    """Return what the API says of the file of every upload."""
    files = {}
    for upload_id in (upload_id for sender in senders for upload_id in sender.finished):
        shown = await api.show(upload_id)
        files[upload_id] = (await api.get(shown["file"]["url"])).body
    return files


def check_files(files: dict[str, dict[str, Any]], stored: dict[str, bytes], senders: Sequence[Sender]) -> None:
    """Assert that each file came once, with the audio that was sent, and no other one. `stored`: files by name."""
    assert sorted(file["stored_name"] for file in files.values()) == sorted(stored)
    for sender in senders:
        assert sender.finished
        for upload_id, content in sender.finished.items():
            file = files[upload_id]
            came = stored[file["stored_name"]]
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
            assert file["spooled_sha256"] == hashlib.sha256(came).hexdigest()
            assert came.endswith(content[content.index(HEADER) :])
