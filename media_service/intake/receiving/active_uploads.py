"""Uploads in the memory of this process, one object each: writers with two objects would not see each other.

It is a cache: other processes record slices and change uploads too. Hints of the bus keep it fresh. Where a hint is
missing, a refusal is decided again from the catalogue, nothing is written that may overwrite recorded bytes before
`Catalogue.peek`, and the transaction that records a slice decides.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from media_service.core import edits, expiry
from media_service.core.access import may_access
from media_service.core.errors.base import Refusal
from media_service.core.errors.uploads import UnknownUpload
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import ranges_of
from media_service.core.upload_states import COMPLETE_STATES, ENDED, State
from media_service.intake.loading import load_upload
from media_service.intake.receiving.leases import Leases
from media_service.intake.topics import ALL_BYTES, CHANGED, RECORDED, SUPERSEDE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from media_service.core.access import Viewer
    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Slice, Upload

T = TypeVar("T")

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
    """A receiving upload in memory: its rows, and the leases of this process. Only its methods change it."""

    def __init__(self, upload: Upload, slices: Sequence[Slice], reserved: int | None = None, charged: int = 0) -> None:
        self._upload = upload
        self._received = ranges_of(slices)
        self._count = len(slices)
        self._size = self._received.size
        self._reserved = reserved
        self._charged = charged
        self._lock = asyncio.Lock()
        self.is_stale = False
        self.leases = Leases()

    @property
    def upload(self) -> Upload:
        """Return the upload as last saved or read."""
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
    def reserved(self) -> int | None:
        """Return the offset up to which disk space is reserved, None if not determined yet."""
        return self._reserved

    @property
    def charged(self) -> int:
        """Return how many bytes the upload has reserved of its quotas, as far as this process knows."""
        return self._charged

    def changing(self) -> AbstractAsyncContextManager[None]:
        """Lock the upload's state."""
        return self._lock

    def update(self, upload: Upload) -> None:
        """Replace the upload by what was saved."""
        self._upload = upload

    def record(self, span: Span) -> None:
        """Add a recorded slice, unless it is known."""
        if not self._received.covers(span):
            self._received = self._received.add(span)
            self._count += 1
            self._size += len(span)

    def refresh(self, upload: Upload, slices: Sequence[Slice]) -> None:
        """Take over what was read from the catalogue, unless it is older: recorded bytes stay recorded."""
        self.is_stale = False
        if upload.version >= self._upload.version:
            self._upload = upload
        received = ranges_of(slices)
        if received.size >= self._size:
            self._received, self._count, self._size = received, len(slices), received.size

    def reserve(self, stop: int) -> None:
        """Note that disk space before `stop` is reserved."""
        self._reserved = stop

    def charge(self, size: int) -> None:
        """Note how many bytes of the quotas are reserved."""
        self._charged = size


class ActiveUploads:
    """Finds uploads in memory or in the catalogue."""

    def __init__(self, catalogue: Catalogue, lifetime: expiry.Lifetime, bus: Bus) -> None:
        self._catalogue = catalogue
        self._lifetime = lifetime
        self._active: WeakValueDictionary[str, ActiveUpload] = WeakValueDictionary()
        self._recent: OrderedDict[str, ActiveUpload] = OrderedDict()
        self.origin = secrets.token_hex(8)
        bus.subscribe(RECORDED, self._note_recorded)
        bus.subscribe(CHANGED, self._note_change)
        bus.subscribe(SUPERSEDE, self._supersede)

    def in_memory(self, upload_id: str) -> ActiveUpload | None:
        """Return the upload if it is in memory."""
        return self._active.get(upload_id)

    def drop(self, upload_id: str) -> None:
        """Keep an upload that no longer receives only as long as it is referenced."""
        self._recent.pop(upload_id, None)

    async def find(self, upload_id: str, viewer: Viewer | None) -> ActiveUpload:
        """Return the only ActiveUpload of this upload, loading it if needed. Raise UnknownUpload."""
        active = self._active.get(upload_id)
        if active is None:
            loaded = ActiveUpload(*await self.load(upload_id, viewer))
            # Another task may have loaded it meanwhile.
            active = self._active.setdefault(upload_id, loaded)
        elif active.is_stale or active.upload.state is not State.RECEIVING:
            await self.refresh(active)
        self.check_access(active.upload, viewer)
        if active.upload.state is State.RECEIVING:
            self.remember(active)
        return active

    def remember(self, active: ActiveUpload) -> None:
        """Keep a receiving upload in memory, the most recent longest."""
        self._active[active.upload.id] = self._recent[active.upload.id] = active
        self._recent.move_to_end(active.upload.id)
        if len(self._recent) > RECENT_UPLOADS:
            self._recent.popitem(last=False)

    async def refresh(self, active: ActiveUpload) -> None:
        """Read the upload again. Raise UnknownUpload."""
        active.refresh(*await self.load(active.upload.id, None))
        if active.upload.state is not State.RECEIVING:
            self.drop(active.upload.id)

    async def decide(self, active: ActiveUpload, decision: Callable[[], T]) -> T:
        """Return what `decision` returns. If it refuses, read the upload again before the refusal is final."""
        try:
            return decision()
        except Refusal:
            await self.refresh(active)
            return decision()

    async def load(self, upload_id: str, viewer: Viewer | None) -> tuple[Upload, Sequence[Slice]]:
        """Return the upload and its slices from the catalogue. Raise UnknownUpload."""
        upload, slices = await load_upload(self._catalogue, upload_id)
        self.check_access(upload, viewer)
        return upload, slices

    def check_access(self, upload: Upload, viewer: Viewer | None) -> None:
        """Raise UnknownUpload for an upload that the viewer may not access. `viewer` None permits every upload."""
        if not may_access(viewer, upload.owner, upload.collection):
            raise UnknownUpload

    def view(self, upload: Upload, received: Ranges) -> UploadView:
        """Return the upload as clients see it."""
        if upload.state is State.RECEIVING:
            return UploadView(upload, received, expiry.expires_at(upload, self._lifetime))
        if upload.length is not None and upload.state in COMPLETE_STATES:
            received = Ranges([Span(0, upload.length)])
        return UploadView(upload, received, None, edits.editable_until(upload, self._lifetime))

    def _note_recorded(self, upload_id: str, start: int, stop: int) -> None:
        active, span = self._active.get(upload_id), Span(start, stop)
        if active is not None and not active.received.covers(span):
            active.record(span)
            # In a store without locks, writers of two processes have the same bytes. What is recorded first counts.
            active.leases.end_readers(start, stop)

    def _note_change(self, upload_id: str, state: str) -> None:
        active = self._active.get(upload_id)
        if active is None:
            return
        if active.upload.state != state:
            active.is_stale = True
        if state in ENDED:
            # In a store without locks nothing else ended them.
            active.leases.end_readers(0, ALL_BYTES)

    def _supersede(self, upload_id: str, start: int, stop: int, arrived: int, origin: str) -> None:
        active = self._active.get(upload_id)
        if active is not None and origin != self.origin:
            active.leases.supersede(start, stop, arrived)
