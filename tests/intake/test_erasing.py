"""Erasing a person: wherever the process crashes, erasing again leaves nothing that names it."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
import structlog

from media_service.access.audit import AuditTrail
from media_service.access.erasing import PersonEraser
from media_service.access.passwords import PasswordHasher
from media_service.access.people import People
from media_service.core.access import Origin, Role
from media_service.core.audit import Actor
from media_service.core.errors.access import UnknownPerson
from media_service.core.errors.service import BeingFinished
from media_service.core.lifecycle import UploadRequest
from media_service.core.people import ERASED_OWNER, NewPerson
from media_service.core.upload import PublishIntent
from media_service.core.upload_states import State
from media_service.intake.ending import UploadEnder
from media_service.intake.erasing import UploadEraser
from media_service.intake.receiving.slice_request import SliceRequest
from tests.intake.finishing import TEXT, finish_all
from tests.intake.rig import Crash, Rig, Steps
from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KIM = "person:" + "0" * 22
ADMIN = Actor("person:admin", "Admin")
MP3 = make_mp3(1, {"artist": "Zacharias"}, seed=84)


async def send(rig: Rig, name: str, data: bytes, stop: int | None = None) -> str:
    """Return the id of Kim's upload with its bytes before `stop`."""
    request = UploadRequest(name, len(data), sender="Kim", email="kim@radio.example", origin=Origin(KIM, KIM))
    view, _ = await rig.intake.create(request, "native")
    sent = data[:stop]

    async def blocks() -> AsyncIterator[bytes]:
        yield sent

    await rig.intake.receive(view.upload.id, None, SliceRequest(0, len(sent), None, "native"), blocks())
    return view.upload.id


def audit_of(rig: Rig) -> AuditTrail:
    return AuditTrail(rig.database.audit, lambda: rig.time, structlog.get_logger().warning)


def people_of(rig: Rig, steps: Steps) -> People:
    return People(
        steps.around(rig.database.accounts),
        PasswordHasher(),
        rig.locks,
        audit_of(rig),
        clock=lambda: rig.time,
        new_id=lambda: "0" * 22,
        forget=lambda: None,
    )


def eraser(rig: Rig, steps: Steps | None = None) -> PersonEraser:
    steps = steps or Steps()
    catalogue, spool, quarantine, rows = map(
        steps.around, (rig.database, rig.spool, rig.quarantine, rig.database.erasing)
    )
    # The locks of the store are the kernel's, and an exception is no end of the process that has them.
    ender = UploadEnder(catalogue, rig.store, spool, quarantine, locks=rig.locks, bus=rig.bus, clock=lambda: rig.time)
    uploads = UploadEraser(catalogue, rows, spool, quarantine, ender=ender, moves=rig.moves, locks=rig.locks)
    return PersonEraser(people_of(rig, steps), uploads, rows, audit_of(rig), known_seconds=0)


async def prepare(folder: Path) -> None:
    """Let Kim have a spooled, a rejected and an open upload, and somebody else a spooled one."""
    async with Rig(folder, first_id=1) as rig:
        await people_of(rig, Steps()).add(NewPerson("Kim", Role.SENDER), ADMIN)
        await send(rig, "done.mp3", MP3)
        await send(rig, "text.mp3", TEXT)
        other = await send(rig, "other.mp3", make_mp3(1, seed=85))
        await finish_all(rig)
        await send(rig, "open.mp3", MP3, 100)
    with closing(sqlite3.connect(rig.folders.catalogue)) as connection, connection:
        for table, column in (("uploads", "id"), ("files", "upload_id")):
            mine = f"UPDATE {table} SET owner = 'local', account = NULL, sender = 'Lee', email = NULL"
            connection.execute(f"{mine} WHERE {column} = ?", [other])
        file = "SELECT id FROM files WHERE upload_id = ?"
        connection.execute(f"UPDATE listed_files SET account = NULL WHERE file_id = ({file})", [other])


def texts_of(folder: Path) -> str:
    """Return every value of every row, except tables of searches."""
    with closing(sqlite3.connect(folder / "catalogue.sqlite3")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        own = [name for name in names if not name.startswith("file_grams")]
        return "\n".join(str(row) for name in own for row in connection.execute(f'SELECT * FROM "{name}"'))


async def check_erased(rig: Rig, folder: Path, *, kept: bool) -> None:
    left = texts_of(folder)
    for name in ("Kim", "kim@radio"):
        assert name not in left, name
    with_id = [line for line in left.splitlines() if KIM in line]
    assert with_id
    assert [line for line in with_id if "person_" not in line] == []
    assert ("open.mp3" in left, "text.mp3" in left, "other.mp3" in left) == (False, False, True)
    assert rig.names() == (["done.mp3", "other.mp3"] if kept else ["other.mp3"])
    assert list(rig.folders.quarantine.iterdir()) == []
    assert await rig.store.list_ids() == []
    files, _ = await rig.database.list_files("", "filename", None, 10)
    owners = [file.owner for file in files]
    assert owners == ([ERASED_OWNER, "local"] if kept else ["local"])


@pytest.mark.parametrize("kept", [True, False])
async def test_crash_at_any_step_and_erasing_again_leaves_no_name(tmp_path: Path, kept: bool) -> None:
    await prepare(tmp_path / "prepared")
    for crash_at in itertools.count(1):
        folder, crashed = tmp_path / str(crash_at), False
        shutil.copytree(tmp_path / "prepared", folder)
        async with Rig(folder, first_id=9) as rig:
            try:
                await eraser(rig, Steps(crash_at)).erase(KIM, ADMIN, delete_files=not kept)
            except Crash:
                crashed = True
        async with Rig(folder, first_id=9) as rig:
            with suppress(UnknownPerson):
                await eraser(rig).erase(KIM, ADMIN, delete_files=not kept)
            # As a start does, for what a crash left.
            await rig.leftovers.clear()
            await check_erased(rig, folder, kept=kept)
            assert await rig.database.accounts.owner(KIM) is None
        shutil.rmtree(folder)
        if not crashed:
            break
    assert crash_at > 40, "the steps were not counted"


async def test_complete_upload_is_finished_without_its_sender(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", first_id=1) as rig:
        await people_of(rig, Steps()).add(NewPerson("Kim", Role.SENDER), ADMIN)
        upload_id = await send(rig, "done.mp3", MP3)
        await eraser(rig).erase(KIM, ADMIN, delete_files=False)
        await finish_all(rig)
        view = await rig.intake.show(upload_id, None)
        assert (view.upload.state, view.upload.owner) == (State.SPOOLED, ERASED_OWNER)
        (file,) = (await rig.database.list_files("", "filename", None, 10))[0]
        assert (file.owner, file.account, file.sender, file.email) == (ERASED_OWNER, None, None, None)


async def test_file_to_delete_is_finished_first(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", first_id=1) as rig:
        await people_of(rig, Steps()).add(NewPerson("Kim", Role.SENDER), ADMIN)
        await send(rig, "done.mp3", MP3)
        with pytest.raises(BeingFinished):
            await eraser(rig).erase(KIM, ADMIN, delete_files=True)
        person = await rig.database.accounts.owner(KIM)
        assert person is not None
        assert person.disabled_at is not None
        await finish_all(rig)
        await eraser(rig).erase(KIM, ADMIN, delete_files=True)
        assert rig.names() == []
        assert await rig.database.accounts.owner(KIM) is None


async def test_uploads_that_a_guest_of_the_account_sent_are_erased_too(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", first_id=1) as rig:
        await people_of(rig, Steps()).add(NewPerson("Kim", Role.SENDER), ADMIN)
        origin = Origin("browser:x", account=KIM)
        view, _ = await rig.intake.create(UploadRequest("a.mp3", 100, origin=origin), "native")
        await eraser(rig).erase(KIM, ADMIN, delete_files=False)
        assert await rig.database.load(view.upload.id) is None


async def test_edit_that_a_crash_interrupted_is_finished_after_erasing(tmp_path: Path) -> None:
    await prepare(tmp_path / "data")
    async with Rig(tmp_path / "data", first_id=9) as rig:
        files, _ = await rig.database.list_files("done", "filename", None, 10)
        entry = files[0].spool_entry
        plan = PublishIntent(entry.name, entry.size, entry.sha256, {"title": "Planned"}, ())
        await rig.database.save_retag_intent(files[0].id, plan)
        await eraser(rig).erase(KIM, ADMIN, delete_files=False)
        await rig.retagger.recover()
        file = await rig.database.file(files[0].id)
        assert file is not None
        assert (file.owner, file.sender, dict(file.tags)) == (ERASED_OWNER, None, {"title": "Planned"})


async def test_duplicate_that_is_erased_leaves_the_file_of_the_earlier_upload(tmp_path: Path) -> None:
    async with Rig(tmp_path / "data", first_id=1, duplicates="link") as rig:
        await people_of(rig, Steps()).add(NewPerson("Kim", Role.SENDER), ADMIN)
        first = await send(rig, "done.mp3", MP3)
        await finish_all(rig)
        second = await send(rig, "again.mp3", MP3)
        await finish_all(rig)
        shown = [(await rig.intake.show(upload_id, None)).upload for upload_id in (first, second)]
        assert shown[0].file_id == shown[1].file_id
    # As if the first one were somebody else's.
    with closing(sqlite3.connect(rig.folders.catalogue)) as connection, connection:
        connection.execute("UPDATE uploads SET owner = 'local', account = NULL WHERE id = ?", [first])
        connection.execute("UPDATE files SET owner = 'local', account = NULL")
    async with Rig(tmp_path / "data", first_id=9) as rig:
        await eraser(rig).erase(KIM, ADMIN, delete_files=True)
        assert rig.names() == ["done.mp3"]
        assert await rig.database.load(second) is None
        assert await rig.database.file(shown[0].file_id or "") is not None
