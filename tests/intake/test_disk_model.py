"""The rule that the catalogue claims only durable bytes, on a disk that loses unsynced ones in a crash.

Hypothesis generates slices, repeats, failing syncs, kills of a receiver and crashes. Two receivers write the same
upload. The intake is real; disk and catalogue are models that separate written from durable.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media_service.access.rates import RateLimits, Rates
from media_service.core.errors.base import MediaServiceError
from media_service.core.expiry import Lifetime
from media_service.core.lifecycle import UploadRequest
from media_service.core.limits import Limits
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import State
from media_service.intake.assembly import Adapters, ReceiverParts
from media_service.intake.options import IntakeOptions
from media_service.intake.receiving.slice_request import SliceRequest
from media_service.ipc.bus import LocalBus
from media_service.media.inspection.inspector import MediaInspector, MediaOptions
from media_service.storage.locks import FileLocks
from tests.intake.callers import ME, MINE
from tests.intake.model_catalogue import ModelReceiving
from tests.intake.model_disk import ModelDisk, ModelUploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LENGTH = 64
FILE = bytes(range(1, LENGTH + 1))


# A slice's first byte, size, and whether its size is known before, its bytes are not those of its digest, it has one.
SLICES = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, LENGTH), st.booleans(), st.booleans(), st.booleans())
RECEIVERS = st.integers(0, 1)


class Receiver:
    """Hold the memory of one receiver process, and its tasks."""

    def __init__(self, disk: ModelDisk, catalogue: Any, media: Any, bus: LocalBus, locks: FileLocks) -> None:
        options = IntakeOptions(
            limits=Limits(file=2**20, slice=2**20, slice_size=16),
            idle_timeout=60,
            verdict_wait_slice=0,
            lifetime=Lifetime(idle=10**9, whole=10**9),
            disk_reserve=0,
            sync_slices=True,
        )
        unused: Any = None
        self._store = ModelUploadStore(disk)
        adapters = Adapters(
            catalogue=catalogue,
            collections=unused,
            overview=unused,
            places=unused,
            store=self._store,
            spool=unused,
            quarantine=unused,
            media=media,
            locks=locks,
            audit=unused,
            bus=bus,
            clock=lambda: 1,
            new_id=lambda: "u" * 22,
        )
        self.uploads = ReceiverParts(adapters, options, Rates(RateLimits(), RateLimits(), bus)).uploads
        self.tasks: set[asyncio.Task[Any]] = set()

    def die(self) -> None:
        """End without recording what is on its way; the kernel frees the locks."""
        for task in [*self.tasks, *self.uploads._tasks._running]:
            task.cancel()
        self._store.die()


class Story(RuleBasedStateMachine):
    """One upload and what happens to it."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        folder = Path(self.folder.name)
        (folder / "partials").mkdir()
        self.disk, self.catalogue, self.bus = ModelDisk(folder / "partials"), ModelReceiving(), LocalBus()
        self.locks = FileLocks(folder / "locks")
        nobody: Any = None
        self.inspector = MediaInspector(nobody, MediaOptions(read_ahead=False))
        self.promised = Ranges()
        self.receivers = [self._start_receiver() for _ in range(2)]
        creating = self.receivers[0].uploads.create(UploadRequest("a.mp3", LENGTH, origin=MINE), "native")
        self.upload_id = self.loop.run_until_complete(creating)[0].upload.id

    def _start_receiver(self) -> Receiver:
        return Receiver(self.disk, self.catalogue, self.inspector, self.bus, self.locks)

    @rule(receiver=RECEIVERS, piece=SLICES)
    def send(self, receiver: int, piece: Any) -> None:
        """Send a slice; an acknowledgement is a promise."""
        self.loop.run_until_complete(self._send(receiver, piece))

    @rule(pieces=st.tuples(SLICES, SLICES), steps=st.integers(0, 40), killed=st.sampled_from([None, 0, 1]))
    def send_through_both(self, pieces: Any, steps: int, killed: int | None) -> None:
        """Send two slices at once, each through one receiver, and perhaps kill one meanwhile."""

        async def both() -> None:
            sending = [asyncio.create_task(self._send(*each)) for each in enumerate(pieces)]
            for _ in range(steps):
                await asyncio.sleep(0)
            if killed is not None:
                self._kill(killed)
            await asyncio.gather(*sending)

        self.loop.run_until_complete(both())

    @rule()
    def fail_a_sync(self) -> None:
        self.disk.fail_next = True

    @rule(steps=st.integers(0, 12), receiver=RECEIVERS, piece=SLICES)
    def crash_within_a_slice(self, steps: int, receiver: int, piece: Any) -> None:
        """Crash some steps into a slice, whose response is lost."""

        async def until_crash() -> None:
            sending = asyncio.create_task(self._send(receiver, piece))
            for _ in range(steps):
                await asyncio.sleep(0)
            self._crash()
            await sending

        self.loop.run_until_complete(until_crash())

    @rule()
    def crash(self) -> None:
        """Crash between two requests."""
        self._crash()

    @invariant()
    def every_claimed_byte_is_durable_and_right(self) -> None:
        if not hasattr(self, "catalogue"):
            return
        recorded = Ranges(Span(piece.start, piece.stop) for piece in self.catalogue.slices[self.upload_id])
        for span in recorded:
            assert self.disk.durable(self.upload_id)[span.start : span.stop] == FILE[span.start : span.stop]
        for span in self.promised:
            assert recorded.covers(span)
        complete = self.catalogue.uploads[self.upload_id].state is State.RECEIVED
        assert complete == recorded.covers(Span(0, LENGTH))

    def teardown(self) -> None:
        """Close the loop, and delete the folder."""
        if hasattr(self, "loop"):
            self.loop.close()
            self.inspector.close()
            self.locks.close()
            self.folder.cleanup()

    def _kill(self, receiver: int) -> None:
        self.receivers[receiver].die()
        self.receivers[receiver] = self._start_receiver()

    def _crash(self) -> None:
        for receiver in range(2):
            self._kill(receiver)
        self.disk.crash()

    async def _send(self, receiver: int, piece: Any) -> None:
        """Send a slice; note the promise if it is acknowledged."""
        start, size, is_sized, is_damaged, is_proven = piece
        process = self.receivers[receiver]
        content = FILE[start : start + size]
        # Damage without a digest would be recorded, and rightly so.
        sent = bytes([content[0] ^ 0xFF]) + content[1:] if is_damaged else content
        digest = hashlib.sha256(content).digest() if is_proven or is_damaged else None

        async def blocks() -> AsyncIterator[bytes]:
            for at in range(0, len(sent), 5):
                await asyncio.sleep(0)
                yield sent[at : at + 5]

        request = SliceRequest(start, len(sent) if is_sized else None, digest, "native")
        task = asyncio.create_task(process.uploads.receive(self.upload_id, ME, request, blocks()))
        process.tasks.add(task)
        try:
            await task
        except (MediaServiceError, asyncio.CancelledError):
            return
        self.promised = self.promised.add(Span(start, start + len(sent)))


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
