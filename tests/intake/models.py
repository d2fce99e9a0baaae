"""Models of disk and catalogue that keep apart what is written and what is durable, so that a crash can forget.

`tests/contracts` runs the suites of their ports over them. They never wait, so that a test can crash at any step.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core.errors.service import CatalogueError, ChangedMeanwhile, StorageError
from media_service.core.upload import Recorded
from media_service.core.upload_states import ENDED, Event, State
from media_service.storage.slice_digest import InlineDigest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.ports.partials import SliceDigest
    from media_service.core.quota import Quota
    from media_service.core.upload import Slice, Upload


class ModelPartials:
    """`core.ports.partials.Partials` in one folder: what was not synced is gone after `crash`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partials: dict[str, ModelPartial] = {}
        self._durable: dict[str, bytes] = {}
        self.fail_next = False

    async def create(self, upload_id: str, length: int | None) -> None:
        """Create the file at once."""
        with self.path(upload_id).open("xb") as file:
            file.truncate(length or 0)

    async def open(self, upload_id: str) -> ModelPartial | None:
        """Return the one partial of this upload."""
        if not self.path(upload_id).exists():
            return None
        return self._partials.setdefault(upload_id, ModelPartial(self, upload_id))

    def close(self, upload_id: str) -> None:
        """Do nothing: there is no descriptor."""

    def path(self, upload_id: str) -> Path:
        """Return where the written bytes are."""
        return self._folder / upload_id

    async def trim(self, upload_id: str, length: int) -> None:
        """Truncate the file."""
        if self.path(upload_id).stat().st_size > length:
            os.truncate(self.path(upload_id), length)

    async def concatenate(self, upload_id: str, sources: Sequence[tuple[str, int]]) -> None:
        """Copy, and take the result for durable."""
        content = b""
        for source, length in sources:
            part = self.path(source).read_bytes()[:length]
            if len(part) < length:
                raise StorageError
            content += part
        self.path(upload_id).write_bytes(content)
        self.save(upload_id)

    async def discard(self, upload_id: str) -> None:
        """Forget what is durable too."""
        self._partials.pop(upload_id, None)
        self._durable.pop(upload_id, None)
        self.path(upload_id).unlink(missing_ok=True)

    async def list_ids(self) -> list[str]:
        """List the files."""
        return [path.name for path in self._folder.iterdir()]

    async def free(self) -> int:
        """Return more than any test needs."""
        return 2**40

    def durable(self, upload_id: str) -> bytes:
        """Return the bytes that a crash leaves."""
        return self._durable.get(upload_id, b"")

    def save(self, upload_id: str) -> None:
        """Make what is written durable."""
        self._durable[upload_id] = self.path(upload_id).read_bytes()

    def lose_written(self, upload_id: str) -> None:
        """Replace what is written by what is durable; zeros if nothing is."""
        path = self.path(upload_id)
        path.write_bytes(self._durable.get(upload_id, bytes(path.stat().st_size)))

    def crash(self) -> None:
        """Lose what was not synced: bytes, and files that never were."""
        self._partials.clear()
        for path in list(self._folder.iterdir()):
            if path.name in self._durable:
                self.lose_written(path.name)
            else:
                path.unlink()


class ModelPartial:
    """`core.ports.partials.Partial` of the model."""

    def __init__(self, partials: ModelPartials, upload_id: str) -> None:
        self._partials = partials
        self._upload_id = upload_id
        self.path = partials.path(upload_id)
        self.epoch = 0

    @property
    def allocated(self) -> int:
        """Return 0: that the room is there is not known."""
        return 0

    async def reserve(self, start: int, stop: int) -> None:
        """Extend the file, as the disk does."""
        if self.path.stat().st_size < stop:
            os.truncate(self.path, stop)

    async def write(self, offset: int, block: bytes) -> None:
        """Write to the file, which is not durable yet."""
        with self.path.open("r+b", buffering=0) as file:
            file.seek(offset)
            file.write(block)

    def digest(self, start: int, expected: int | None) -> SliceDigest:
        """Return a digest of the bytes as they come or, if their number is known, of the file's bytes."""
        return InlineDigest() if expected is None else LateDigest(self.path, start)

    async def sync(self, epoch: int) -> None:
        """Make the written bytes durable. A sync that fails drops them, and says so once."""
        if self._partials.fail_next:
            self._partials.fail_next = False
            self.epoch += 1
            self._partials.lose_written(self._upload_id)
            raise StorageError
        self._partials.save(self._upload_id)
        if epoch != self.epoch:
            raise StorageError


class LateDigest:
    """`core.ports.partials.SliceDigest` of the file's bytes, some turns of the event loop later."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._start = self._stop = start

    def update(self, block: bytes) -> None:
        """Count the bytes."""
        self._stop += len(block)

    def end(self) -> None:
        """Do nothing: the file is read later."""

    async def value(self) -> bytes:
        """Read and hash the slice."""
        for _ in range(3):
            await asyncio.sleep(0)
        content = self._path.read_bytes()[self._start : self._stop]
        if len(content) < self._stop - self._start:
            raise StorageError
        digest = InlineDigest()
        digest.update(content)
        return await digest.value()


class ModelReceiving:
    """The part of `core.ports.catalogue.Catalogue` that receiving uses, in memory: durable when a call returns."""

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self.slices: dict[str, list[Slice]] = {}
        self._recorded_at: dict[str, int] = {}

    async def create(self, upload: Upload, quota: Quota | None = None) -> None:
        """Refuse an id that is there, and what exceeds the quota."""
        if quota is not None and upload.address is not None:
            count, used = await self.usage(upload.address)
            quota.check_count(count)
            quota.check_bytes(used, upload.length or 0)
        if upload.id in self.uploads:
            raise CatalogueError
        self.uploads[upload.id] = upload
        self.slices[upload.id] = []

    async def usage(self, address: str) -> tuple[int, int]:
        """Count the receiving uploads and their bytes."""
        open_uploads = [
            upload for upload in self.uploads.values() if upload.address == address and upload.state is State.RECEIVING
        ]
        ends = {upload_id: max(piece.stop for piece in pieces) for upload_id, pieces in self.slices.items() if pieces}
        return len(open_uploads), sum(upload.length or ends.get(upload.id, 0) for upload in open_uploads)

    async def peek(self, upload_id: str, start: int, stop: int) -> tuple[int, bool] | None:
        """Look at each slice."""
        upload = self.uploads.get(upload_id)
        return None if upload is None else (upload.version, bool(self._overlapping(upload_id, start, stop)))

    async def record(
        self, upload_id: str, piece: Slice, now: int, *, last: bool = False, complete: bool = True
    ) -> Recorded:
        """Keep the slice and its time, and change the upload."""
        upload, recorded = self.uploads.get(upload_id), self.slices.get(upload_id, [])
        outside = upload is not None and upload.length is not None and piece.stop > upload.length
        beyond = last and any(other.start >= piece.stop for other in recorded)
        others = [other for other in self._overlapping(upload_id, piece.start, piece.stop) if not _same(other, piece)]
        if upload is None or upload.state is not State.RECEIVING or outside or beyond or others:
            raise ChangedMeanwhile
        if not any(_same(other, piece) for other in recorded):
            recorded.append(piece)
            self._recorded_at[upload_id] = max(now, self._recorded_at.get(upload_id, now))
        if last and upload.length != piece.stop:
            upload = replace(upload, length=piece.stop, version=upload.version + 1)
        size = sum(other.stop - other.start for other in recorded)
        whole = size == upload.length and not upload.defer_completion
        if whole and complete:
            upload = replace(upload.step(Event.COMPLETE, now), version=upload.version + 1)
        self.uploads[upload_id] = upload
        return Recorded(whole, upload.version)

    async def save(self, upload: Upload) -> Upload:
        """Drop address and slices of an upload that has ended."""
        before, length = self.uploads.get(upload.id), upload.length
        beyond = length is not None and any(piece.stop > length for piece in self.slices.get(upload.id, []))
        if before is None or before.version != upload.version or (beyond and upload.state is State.RECEIVING):
            raise ChangedMeanwhile
        saved = self.uploads[upload.id] = replace(upload, version=upload.version + 1)
        if upload.state in ENDED:
            self.uploads[upload.id] = replace(saved, address=None)
            self.slices[upload.id] = []
            self._recorded_at.pop(upload.id, None)
        return saved

    def _overlapping(self, upload_id: str, start: int, stop: int) -> list[Slice]:
        return [piece for piece in self.slices.get(upload_id, []) if piece.start < stop and piece.stop > start]

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        """Return the upload as of its last slice."""
        upload = self.uploads.get(upload_id)
        if upload is None:
            return None
        updated_at = max(upload.updated_at, self._recorded_at.get(upload_id, upload.updated_at))
        slices = sorted(self.slices[upload_id], key=lambda piece: piece.start)
        return replace(upload, updated_at=updated_at), slices


def _same(piece: Slice, other: Slice) -> bool:
    return (piece.start, piece.stop) == (other.start, other.stop)
