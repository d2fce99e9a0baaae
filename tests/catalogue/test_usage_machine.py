"""Whatever happens to uploads in whatever order, the rows of usage are the sums of what counts.

Hypothesis generates what happens. The expected sums are added up here from all uploads and files, without SQL.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from media_service.core.accounts import OwnerLimits
from media_service.core.errors.limits import FileTooLarge, QuotaExceeded
from media_service.core.files import Place, SpoolEntry, Trashed
from media_service.core.quota import FIRST_CHARGE_BYTES, StorageLimits, next_charge
from media_service.core.upload import Slice
from media_service.core.upload_states import FINISHING, GONE, State
from media_service.core.usage import Usage
from tests.catalogue.samples import make_file
from tests.contracts.catalogues import ADAPTERS
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from media_service.core.upload import Upload

MIB = 1024 * 1024
OPEN = {State.RECEIVING, *FINISHING}
ACCOUNTS, COLLECTIONS = ["person:a", "person:b", "link:c"], ["x", "y"]
LIMITS = StorageLimits(
    service=900 * MIB,
    person=OwnerLimits(bytes=400 * MIB, file_bytes=300 * MIB),
    link=OwnerLimits(bytes=300 * MIB, files=3),
)
COLLECTION_LIMIT = 500 * MIB  # of the first one

sizes = st.integers(1, 220).map(lambda size: size * MIB)
lengths = st.none() | sizes
collections = st.none() | st.sampled_from(COLLECTIONS)
picks = st.integers(0, 20)


class Uploads(RuleBasedStateMachine):
    """A catalogue, and what should be reserved of the quotas for each of its uploads."""

    def __init__(self, engine: str, fixture: Callable[[str], Any]) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opened = AsyncExitStack()
        folder = Path(self.opened.enter_context(TemporaryDirectory()))
        self.subject = self.run(self.opened.enter_async_context(ADAPTERS[engine](folder, fixture)))
        self.catalogue = self.subject.catalogue
        values = f"'x', 'x', 'X', 1, {COLLECTION_LIMIT}"
        self.subject.write(f"INSERT INTO collections (id, slug, title, created_at, bytes_max) VALUES ({values})")
        self.ids: list[str] = []
        self.charged: dict[str, int] = {}
        self.uploads: dict[str, Upload] = {}
        self.delivered: dict[str, tuple[Upload, int]] = {}
        self.places: dict[str, Place] = {}

    def teardown(self) -> None:
        """Check the recount of the command too."""
        assert all(row.is_right for row in self.subject.check_usage())
        self.run(self.opened.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def load(self, upload_id: str) -> Upload:
        upload: Upload = self.run(self.catalogue.load(upload_id))[0]
        return upload

    def save(self, upload: Upload, charged: int) -> None:
        self.uploads[upload.id], self.charged[upload.id] = self.run(self.catalogue.save(upload)), charged

    def counting(self, usage_id: str) -> Usage:
        """Add up what counts for this row."""
        ids = [upload_id for upload_id, each in self.uploads.items() if usage_id in holders(each)]
        reserved = [self.charged[upload_id] for upload_id in ids if self.charged[upload_id]]
        finished = [
            size
            for file_id, (upload, size) in self.delivered.items()
            if usage_id in holders(upload) and self.places[file_id] in (Place.SPOOL, Place.TRASH)
        ]
        return Usage(len(finished), sum(finished), len(reserved), sum(reserved))

    def room(self, upload: Upload, *, new: bool) -> int:
        """Return what is left for an upload that counts for the same as this one."""
        own = LIMITS.of_account(upload.account)
        limits = {"service": LIMITS.service, "collection:x": COLLECTION_LIMIT, upload.account: own.bytes}
        left = [10**15 if own.file_bytes is None else own.file_bytes]
        for usage_id in holders(upload):
            used, limit = self.counting(usage_id), limits.get(usage_id)
            if limit is not None:
                left.append(limit - used.bytes - used.reserved_bytes)
            if new and usage_id == upload.account and own.files is not None:
                left += [0] if used.files + used.reserved_files >= own.files else []
        return min(left)

    def pick(self, pick: int, *states: State, known: bool | None = None) -> Upload | None:
        """Return one of the uploads in these states, of known or unknown length if that is given; None without one."""
        found = [
            upload_id
            for upload_id, each in self.uploads.items()
            if each.state in states and known in (None, each.length is not None)
        ]
        return self.load(found[pick % len(found)]) if found else None

    @rule(length=lengths, account=st.none() | st.sampled_from(ACCOUNTS), collection=collections)
    def create(self, length: int | None, account: str | None, collection: str | None) -> None:
        upload_id = f"u{len(self.ids)}"
        self.ids.append(upload_id)
        upload = make_upload(id=upload_id, length=length, account=account, collection=collection)
        room = self.room(upload, new=True)
        try:
            charged = self.run(self.catalogue.create(upload, None, LIMITS))
        except (QuotaExceeded, FileTooLarge):
            assert (length or 1) > room
        else:
            assert charged == (length or min(FIRST_CHARGE_BYTES, room))
            self.uploads[upload.id], self.charged[upload.id] = upload, charged

    @rule(pick=picks, stop=sizes)
    def grow(self, pick: int, stop: int) -> None:
        if (upload := self.pick(pick, State.RECEIVING, known=False)) is not None:
            self.charge(upload, stop)

    def charge(self, upload: Upload, stop: int) -> bool:
        """Return whether the bytes before `stop` are reserved."""
        before, self.charged[upload.id] = self.charged[upload.id], 0
        room = self.room(upload, new=False)
        self.charged[upload.id] = before
        try:
            charged = self.run(self.catalogue.charge(upload, stop, LIMITS))
        except (QuotaExceeded, FileTooLarge):
            assert stop > max(before, room)
            return False
        assert charged == (before if stop <= before else min(next_charge(stop), room))
        self.charged[upload.id] = charged
        return True

    @rule(pick=picks, size=sizes)
    def receive_last_slice(self, pick: int, size: int) -> None:
        upload = self.pick(pick, State.RECEIVING)
        if upload is None or (upload.length is None and not self.charge(upload, size)):
            return
        piece = Slice(0, upload.length or size)
        self.run(self.catalogue.record(upload.id, piece, 2, last=upload.length is None))
        self.uploads[upload.id] = self.load(upload.id)
        assert self.uploads[upload.id].state is State.RECEIVED
        self.charged[upload.id] = piece.stop

    @rule(pick=picks, length=sizes)
    def announce(self, pick: int, length: int) -> None:
        upload = self.pick(pick, State.RECEIVING, known=False)
        if upload is not None and self.charge(upload, length):
            self.save(replace(upload, length=length), length)

    @rule(pick=picks, sent=st.integers(0, 5))
    def reject_early(self, pick: int, sent: int) -> None:
        if (upload := self.pick(pick, State.RECEIVING)) is not None:
            if sent:
                self.run(self.catalogue.record(upload.id, Slice(7, 7 + sent), 2))
            self.save(replace(upload, state=State.REJECTED), sent)

    @rule(pick=picks, state=st.sampled_from([*sorted(FINISHING), State.REJECTED, State.SPOOLED]))
    def judge(self, pick: int, state: State) -> None:
        """Verify, reject or only edit; `spooled` without a file is a link to another one's."""
        if (upload := self.pick(pick, *FINISHING)) is not None:
            self.save(replace(upload, state=state), 0 if state is State.SPOOLED else self.charged[upload.id])

    @rule(pick=picks, state=st.sampled_from(sorted(GONE)))
    def end(self, pick: int, state: State) -> None:
        if (upload := self.pick(pick, *OPEN)) is not None:
            self.save(replace(upload, state=state), 0)

    @rule(pick=picks)
    def edit(self, pick: int) -> None:
        if (upload := self.pick(pick, *State)) is not None:
            self.save(replace(upload, sender="Kim"), self.charged[upload.id])

    @rule(pick=picks, size=sizes)
    def deliver(self, pick: int, size: int) -> None:
        if (upload := self.pick(pick, *FINISHING)) is None:
            return
        spool_entry = SpoolEntry(f"{upload.id}.mp3", size, bytes(32))
        shared = {"account": upload.account, "collection": upload.collection, "spool_entry": spool_entry}
        file = make_file(int(upload.id[1:]), **shared)
        self.uploads[upload.id] = self.run(self.catalogue.deliver(replace(upload, state=State.SPOOLED), file))
        self.charged[upload.id], self.delivered[file.id] = 0, (upload, size)
        self.places[file.id] = Place.SPOOL

    @rule(pick=picks, size=sizes)
    def retag(self, pick: int, size: int) -> None:
        if self.delivered:
            file_id = [*self.delivered][pick % len(self.delivered)]
            file = self.run(self.catalogue.file(file_id))
            self.run(self.catalogue.retag(replace(file, spool_entry=replace(file.spool_entry, size=size))))
            self.delivered[file_id] = (self.delivered[file_id][0], size)

    @rule(pick=picks, place=st.sampled_from(Place))
    def move(self, pick: int, place: Place) -> None:
        if not self.places:
            return
        file_id = [*self.places][pick % len(self.places)]
        file, before = self.run(self.catalogue.file(file_id)), self.places[file_id]
        if before is Place.PURGED or before is place:
            return
        trashed = Trashed(1) if place is Place.TRASH else None
        self.run(self.catalogue.places.move(replace(file, place=place, trashed=trashed), before))
        self.places[file_id] = place

    @rule(pick=picks)
    def recheck(self, pick: int) -> None:
        if (upload := self.pick(pick, State.REJECTED, known=True)) is not None:
            self.save(replace(upload, state=State.RECEIVED), upload.length or 0)

    @rule(pick=picks)
    def purge(self, pick: int) -> None:
        """Delete what is in quarantine; nothing happens to others."""
        if (upload := self.pick(pick, *State)) is not None:
            self.run(self.catalogue.forget_rejected(upload.id))
            if upload.state is State.REJECTED:
                self.charged[upload.id] = 0

    @invariant()
    def usage_is_what_counts(self) -> None:
        ids = ["service", *ACCOUNTS, *(f"collection:{name}" for name in COLLECTIONS)]
        assert self.run(self.catalogue.usage_of(ids)) == {usage_id: self.counting(usage_id) for usage_id in ids}


def holders(upload: Upload) -> set[str]:
    """Return what the upload counts for, if it has something reserved."""
    found = {"service"} if upload.collection is None else {"service", f"collection:{upload.collection}"}
    return found | {upload.account} if upload.account is not None and upload.state in OPEN else found


@pytest.mark.parametrize(("engine", "examples"), [("sqlite", 40), ("postgresql", 10)])
def test_usage_is_what_any_uploads_count(request: pytest.FixtureRequest, engine: str, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Uploads(engine, request.getfixturevalue),  # type: ignore[arg-type]  # what makes one is taken too
        settings=settings(deadline=None, max_examples=examples, stateful_step_count=30),
    )
