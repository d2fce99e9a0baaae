"""Uploads in memory, one object each: writers with two objects of one upload would not see each other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from media_service.core import edits, expiry
from media_service.core.errors.uploads import UnknownUpload
from media_service.core.owners import may_change
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import COMPLETE_STATES, FINISHING, State
from media_service.intake.receiving.leases import Leases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Slice, Upload
    from media_service.intake.receiving.leases import Lease

RECENT_UPLOADS = 1024
"""Receiving uploads kept in memory without a writer: 64 MiB at most, as 16 KiB of tags may take 64 KiB."""


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload with its recorded bytes, as dialects show it. Times are UTC microseconds."""

    upload: Upload
    received: Ranges
    expires_at: int | None
    editable_until: int | None = None


class ActiveUpload:
    """A receiving upload in memory: its rows, and its writers' leases. Only its methods change it."""

    def __init__(self, upload: Upload, slices: Sequence[Slice], reserved: int | None = None) -> None:
        self._upload = upload
        self._received = ranges_of(slices)
        self._count = len(slices)
        self._size = self._admitted = self._received.size
        self._reserved = reserved
        self._lock = asyncio.Lock()
        self.leases = Leases()

    @property
    def upload(self) -> Upload:
        """Return the upload as last saved, or as it is being ended."""
        return self._upload

    @property
    def received(self) -> Ranges:
        """Return the recorded ranges."""
        return self._received

    @property
    def count(self) -> int:
        """Return the number of recorded slices."""
        return self._count

    @property
    def size(self) -> int:
        """Return the number of recorded bytes."""
        return self._size

    @property
    def admitted(self) -> int:
        """Return the recorded bytes and, while the length is unknown, those admitted to be written."""
        return self._admitted

    @property
    def reserved(self) -> int | None:
        """Return the offset up to which disk space is reserved, None if not determined yet."""
        return self._reserved

    @property
    def is_changing(self) -> bool:
        """Return whether a task is inside of `changing`."""
        return self._lock.locked()

    def changing(self) -> AbstractAsyncContextManager[None]:
        """Lock the upload's state."""
        return self._lock

    def update(self, upload: Upload) -> None:
        """Replace the upload, which was saved or is being ended."""
        self._upload = upload

    def record(self, piece: Slice, upload: Upload) -> None:
        """Add a recorded slice; `upload` includes it."""
        self._received = self._received.add(Span(piece.start, piece.stop))
        self._count += 1
        self._size += piece.stop - piece.start
        self._upload = upload

    def admit(self, size: int) -> None:
        """Count bytes that may be written."""
        self._admitted += size

    def reserve(self, stop: int) -> None:
        """Note that disk space before `stop` is reserved."""
        self._reserved = stop

    def release(self, lease: Lease) -> None:
        """Release a lease. After the last one, bytes that were admitted and not recorded no longer count."""
        lease.release()
        if not self.leases:
            self._admitted = self._size


class ActiveUploads:
    """Finds uploads in memory or in the catalogue."""

    def __init__(self, catalogue: Catalogue, lifetime: expiry.Lifetime) -> None:
        self._catalogue = catalogue
        self._lifetime = lifetime
        self._active: WeakValueDictionary[str, ActiveUpload] = WeakValueDictionary()
        self._recent: OrderedDict[str, ActiveUpload] = OrderedDict()

    def in_memory(self, upload_id: str) -> ActiveUpload | None:
        """Return the upload if it is in memory."""
        return self._active.get(upload_id)

    def drop(self, upload_id: str) -> None:
        """Keep an upload that no longer receives only as long as it is referenced."""
        self._recent.pop(upload_id, None)

    async def find(self, upload_id: str, owner: str | None) -> ActiveUpload:
        """Return the only ActiveUpload of this upload, loading it if needed. Raise UnknownUpload."""
        active = self._active.get(upload_id)
        if active is None:
            loaded = ActiveUpload(*await self.load(upload_id, owner))
            # Another task may have loaded it meanwhile.
            active = self._active.setdefault(upload_id, loaded)
        elif active.upload.state in FINISHING:
            # The finalizer may have changed the row.
            active.update((await self.load(upload_id, owner))[0])
        self.check_owner(active.upload, owner)
        if active.upload.state is State.RECEIVING:
            self.remember(active)
        return active

    def remember(self, active: ActiveUpload) -> None:
        """Keep a receiving upload in memory, the most recent longest."""
        self._active[active.upload.id] = self._recent[active.upload.id] = active
        self._recent.move_to_end(active.upload.id)
        if len(self._recent) > RECENT_UPLOADS:
            self._recent.popitem(last=False)

    async def load(self, upload_id: str, owner: str | None) -> tuple[Upload, Sequence[Slice]]:
        """Return the upload and its slices from the catalogue. Raise UnknownUpload."""
        loaded = await self._catalogue.load(upload_id)
        if loaded is None:
            raise UnknownUpload
        self.check_owner(loaded[0], owner)
        return loaded

    def check_owner(self, upload: Upload, owner: str | None) -> None:
        """Raise UnknownUpload for another owner's upload. `owner` None permits every upload."""
        if not may_change(upload.owner, owner):
            raise UnknownUpload

    def view(self, upload: Upload, received: Ranges) -> UploadView:
        """Return the upload as clients see it."""
        if upload.state is State.RECEIVING:
            return UploadView(upload, received, expiry.expires_at(upload, self._lifetime))
        if upload.length is not None and upload.state in COMPLETE_STATES:
            received = Ranges([Span(0, upload.length)])
        return UploadView(upload, received, None, edits.editable_until(upload, self._lifetime))


def ranges_of(slices: Iterable[Slice]) -> Ranges:
    """Return the ranges that the slices cover."""
    return Ranges(Span(piece.start, piece.stop) for piece in slices)
