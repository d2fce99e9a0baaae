"""Models of disk and catalogue that keep apart what is written and what is durable, so that a crash can forget.

`tests/contracts` runs the suites of their ports over them. They never wait, so that a test can crash at any step.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core.errors.service import CatalogueError, StorageError
from media_service.core.upload_states import ENDED
from media_service.storage.slice_digest import InlineDigest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media_service.core.ports.partials import SliceDigest
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

    async def create(self, upload: Upload) -> None:
        """Refuse an id that is there."""
        if upload.id in self.uploads:
            raise CatalogueError
        self.uploads[upload.id] = upload
        self.slices[upload.id] = []

    async def record(self, upload_id: str, piece: Slice, now: int, whole: Upload | None = None) -> None:
        """Keep the slice, its time, and the upload."""
        self.slices[upload_id].append(piece)
        self._recorded_at[upload_id] = max(now, self._recorded_at.get(upload_id, now))
        if whole is not None:
            await self.save(whole)

    async def save(self, upload: Upload) -> None:
        """Drop the slices of an upload that has ended."""
        self.uploads[upload.id] = upload
        if upload.state in ENDED:
            self.slices[upload.id] = []
            self._recorded_at.pop(upload.id, None)

    async def load(self, upload_id: str) -> tuple[Upload, Sequence[Slice]] | None:
        """Return the upload as of its last slice."""
        upload = self.uploads.get(upload_id)
        if upload is None:
            return None
        updated_at = max(upload.updated_at, self._recorded_at.get(upload_id, upload.updated_at))
        slices = sorted(self.slices[upload_id], key=lambda piece: piece.start)
        return replace(upload, updated_at=updated_at), slices
