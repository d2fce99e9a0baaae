"""The rule that the catalogue claims only durable bytes, on a disk that loses unsynced ones in a crash.

Hypothesis generates slices, repeats, failing syncs and crashes. The intake is real; disk and catalogue are models that
separate written from durable.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.service import StorageError
from media_service.core.expiry import Lifetime
from media_service.core.lifecycle import UploadRequest
from media_service.core.limits import Limits
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import State
from media_service.intake.options import IntakeOptions
from media_service.intake.receiving.slices import SliceRequest
from media_service.intake.uploads import UploadService
from media_service.storage.slice_digest import InlineDigest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from media_service.core.upload import Slice, Upload

LENGTH = 64
FILE = bytes(range(1, LENGTH + 1))


class ForgetfulDisk:
    """A partial that loses unsynced bytes in a crash; its syncs can be made to fail."""

    def __init__(self) -> None:
        self.written = bytearray(LENGTH)
        self.durable = bytearray(LENGTH)
        self.epoch = 0
        self.fail_next = False

    async def create(self, upload_id: str, length: int | None) -> None:
        """Do nothing: the partial exists."""

    async def open(self, upload_id: str) -> ForgetfulDisk:
        """Return the only partial."""
        return self

    def close(self, upload_id: str) -> None:
        """Do nothing: it stays open."""

    def path(self, upload_id: str) -> Any:
        """Return nothing: it is never read by path."""
        return None

    async def discard(self, upload_id: str) -> None:
        """Do nothing."""

    async def free(self) -> int:
        return 2**40

    @property
    def allocated(self) -> int:
        return 0

    async def reserve(self, start: int, stop: int) -> None:
        """Do nothing: the space is there."""

    async def write(self, offset: int, block: bytes) -> None:
        """Write to the cache only."""
        self.written[offset : offset + len(block)] = block

    def digest(self, start: int, expected: int | None) -> InlineDigest:
        """Return a digest of what is written or, if the size is known, of what is read back."""
        return InlineDigest() if expected is None else ReadBack(self, start)

    async def sync(self, epoch: int) -> None:
        """Make the cache durable. A failed sync drops what it should have written, and fails once."""
        if self.fail_next:
            self.fail_next = False
            self.epoch += 1
            self.written[:] = self.durable
            raise StorageError
        self.durable[:] = self.written
        if epoch != self.epoch:
            raise StorageError

    def crash(self) -> None:
        self.written[:] = self.durable


class ReadBack(InlineDigest):
    """A digest of bytes read back, which takes some turns of the loop."""

    def __init__(self, disk: ForgetfulDisk, start: int) -> None:
        super().__init__()
        self._disk = disk
        self._start = self._stop = start

    def update(self, block: bytes) -> None:
        self._stop += len(block)

    async def value(self) -> bytes:
        for _ in range(3):
            await asyncio.sleep(0)
        super().update(bytes(self._disk.written[self._start : self._stop]))
        return await super().value()


class ModelCatalogue:
    """Rows in memory, durable when the call returns."""

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self.slices: dict[str, list[Slice]] = {}

    async def create(self, upload: Upload) -> None:
        self.uploads[upload.id] = upload
        self.slices[upload.id] = []

    async def record(self, upload_id: str, piece: Slice, now: int, whole: Upload | None = None) -> None:
        self.slices[upload_id].append(piece)
        if whole is not None:
            self.uploads[upload_id] = whole

    async def save(self, upload: Upload) -> None:
        self.uploads[upload.id] = upload

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        return self.uploads[upload_id], sorted(self.slices[upload_id], key=lambda piece: piece.start)


class IdleParts:
    """Media and finalizer that do nothing."""

    def follow(self, upload: Upload, path: Path, offset: int, piece: Slice) -> None:
        """Do nothing."""

    def forget(self, upload_id: str) -> None:
        """Do nothing."""

    @property
    def queue(self) -> IdleParts:
        return self

    def enqueue(self, upload: Upload) -> None:
        """Do nothing."""

    def note_receiving(self) -> None:
        """Do nothing."""

    async def wait_briefly(self, upload_id: str, seconds: float) -> bool:
        return False


class Story(RuleBasedStateMachine):
    """One upload and what happens to it."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.disk, self.catalogue = ForgetfulDisk(), ModelCatalogue()
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
        idle: Any = IdleParts()
        catalogue: Any = self.catalogue
        disk: Any = self.disk
        self.intake = UploadService(
            catalogue, disk, idle, idle, options, retagger=idle, clock=lambda: 1, new_id=lambda: "u" * 22
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
            assert self.disk.durable[span.start : span.stop] == FILE[span.start : span.stop]
        for span in self.promised:
            assert recorded.covers(span)
        complete = self.catalogue.uploads[self.upload_id].state is State.RECEIVED
        assert not complete or recorded.covers(Span(0, LENGTH))

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

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
