"""The rule that the catalogue claims only durable bytes, on a disk that loses unsynced ones in a crash.

Hypothesis generates slices, repeats, failing syncs and crashes. The intake is real; disk and catalogue are models that
separate written from durable.
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

from media_service.core.errors.base import MediaServiceError
from media_service.core.expiry import Lifetime
from media_service.core.lifecycle import UploadRequest
from media_service.core.limits import Limits
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import State
from media_service.intake.options import IntakeOptions
from media_service.intake.receiving.slices import SliceRequest
from media_service.intake.uploads import UploadService
from media_service.media.inspection.inspector import MediaInspector, MediaOptions
from tests.intake.models import ModelDisk, ModelReceiving, ModelUploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.core.upload import Upload

LENGTH = 64
FILE = bytes(range(1, LENGTH + 1))


class NobodyFinishes:
    """A finalizer and its queue that only hear that they are called: finishing has tests of its own."""

    @property
    def queue(self) -> NobodyFinishes:
        """The queue."""
        return self

    def enqueue(self, upload: Upload) -> None:
        """Nothing is done."""

    def note_receiving(self) -> None:
        """Do nothing."""

    async def wait_briefly(self, upload_id: str, seconds: float) -> bool:
        return False


class Story(RuleBasedStateMachine):
    """One upload and what happens to it."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.disk, self.catalogue = ModelDisk(Path(self.folder.name)), ModelReceiving()
        nobody: Any = None
        self.inspector = MediaInspector(nobody, MediaOptions(read_ahead=False))
        self.promised = Ranges()
        self._start_service()
        view, _ = self.loop.run_until_complete(self.intake.create(UploadRequest("a.mp3", LENGTH), "me", "native"))
        self.upload_id = view.upload.id

    def _start_service(self) -> None:
        options = IntakeOptions(
            limits=Limits(file=2**20, slice=2**20, slice_size=16),
            idle_timeout=60,
            verdict_wait_slice=0,
            lifetime=Lifetime(idle=10**9, whole=10**9),
            disk_reserve=0,
            sync_slices=True,
        )
        nobody: Any = NobodyFinishes()
        catalogue: Any = self.catalogue
        self.intake = UploadService(
            catalogue,
            ModelUploadStore(self.disk),
            self.inspector,
            nobody,
            options,
            retagger=nobody,
            load=nobody,
            clock=lambda: 1,
            new_id=lambda: "u" * 22,
        )

    @rule(start=st.integers(0, LENGTH - 1), size=st.integers(1, LENGTH), sized=st.booleans(), proven=st.booleans())
    def send(self, start: int, size: int, sized: bool, proven: bool) -> None:
        """Send a slice; an acknowledgement is a promise."""
        piece = FILE[start : start + size]
        self._receive(start, piece, sized=sized, damaged=False, proven=proven)

    @rule(start=st.integers(0, LENGTH - 1), size=st.integers(1, LENGTH))
    def send_damaged(self, start: int, size: int) -> None:
        """Send a slice whose bytes do not have its digest."""
        self._receive(start, FILE[start : start + size], sized=True, damaged=True, proven=True)

    @rule()
    def fail_a_sync(self) -> None:
        self.disk.fail_next = True

    @rule(steps=st.integers(0, 12), start=st.integers(0, LENGTH - 1), size=st.integers(1, LENGTH))
    def crash_within_a_slice(self, steps: int, start: int, size: int) -> None:
        """Crash some steps into a slice, whose response is lost."""
        task = self.loop.create_task(self._call(start, FILE[start : start + size], sized=True, digest=None))
        for _ in range(steps):
            self.loop.run_until_complete(asyncio.sleep(0))
        for running in asyncio.all_tasks(self.loop):
            running.cancel()
        self.loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self.disk.crash()
        self._start_service()

    @rule()
    def crash(self) -> None:
        """Crash between two requests."""
        self.disk.crash()
        self._start_service()

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
        assert not complete or recorded.covers(Span(0, LENGTH))

    def teardown(self) -> None:
        """The loop and the folder go."""
        if hasattr(self, "loop"):
            self.loop.close()
            self.inspector.close()
            self.folder.cleanup()

    def _receive(self, start: int, piece: bytes, *, sized: bool, damaged: bool, proven: bool) -> None:
        from_file = piece
        if damaged:
            piece = bytes([piece[0] ^ 0xFF]) + piece[1:]
        digest = hashlib.sha256(from_file).digest() if proven else None
        try:
            self.loop.run_until_complete(self._call(start, piece, sized=sized, digest=digest))
        except MediaServiceError:
            return
        self.promised = self.promised.add(Span(start, start + len(piece)))

    async def _call(self, start: int, piece: bytes, *, sized: bool, digest: bytes | None) -> None:
        async def blocks() -> AsyncIterator[bytes]:
            for at in range(0, len(piece), 5):
                await asyncio.sleep(0)
                yield piece[at : at + 5]

        request = SliceRequest(start, len(piece) if sized else None, digest, "native")
        await self.intake.receive(self.upload_id, "me", request, blocks())


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
