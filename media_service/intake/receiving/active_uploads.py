"""The uploads that are in memory, each once: two of one upload would not see each other's writers."""

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

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Slice, Upload
    from media_service.intake.receiving.leases import Lease

RECENT_UPLOADS = 1024
"""How many receiving uploads stay in memory when nobody writes to them; others are read again when asked for. With 16
KiB of tags, which may be 64 KiB in memory, they are 64 MiB at most."""


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload with what is recorded of it, as every dialect shows it. Times are UTC microseconds.

    `editable_until`: until when the sender may change the details of the finished file.
    """

    upload: Upload
    received: Ranges
    expires_at: int | None
    editable_until: int | None = None


class ActiveUpload:
    """A receiving upload in memory: the catalogue's rows, and who writes now.

    `count` is how many slices are recorded, and `size` their bytes; `taken` are the bytes that were admitted while the
    length is not known. The disk has room for the bytes before `reserved`, once that was `measured`.
    """

    def __init__(self, upload: Upload, slices: Sequence[Slice], reserved: int | None = None) -> None:
        self.upload = upload
        self.received = ranges_of(slices)
        self.count = len(slices)
        self.size = self.taken = self.received.size
        self.reserved = reserved or 0
        self.measured = reserved is not None
        self.leases = Leases()
        self.changing = asyncio.Lock()

    def add(self, piece: Slice) -> None:
        """Count a slice that was recorded."""
        self.received = self.received.add(Span(piece.start, piece.stop))
        self.count += 1
        self.size += piece.stop - piece.start

    def release(self, lease: Lease) -> None:
        """Let go of a lease. Bytes that were admitted and not recorded count no more once nobody writes."""
        lease.release()
        if not self.leases:
            self.taken = self.size


class ActiveUploads:
    """Finds uploads, in memory or in the catalogue. `lifetime`: how long they wait for their bytes."""

    def __init__(self, catalogue: Catalogue, lifetime: expiry.Lifetime) -> None:
        self._catalogue = catalogue
        self._lifetime = lifetime
        self._active: WeakValueDictionary[str, ActiveUpload] = WeakValueDictionary()
        self._recent: OrderedDict[str, ActiveUpload] = OrderedDict()

    def in_memory(self, upload_id: str) -> ActiveUpload | None:
        """The upload, where it need not be loaded."""
        return self._active.get(upload_id)

    def drop(self, upload_id: str) -> None:
        """An upload that receives no more stays in memory only as long as somebody holds it."""
        self._recent.pop(upload_id, None)

    async def find(self, upload_id: str, owner: str | None) -> ActiveUpload:
        """The one Live of this upload. Raises UnknownUpload."""
        active = self._active.get(upload_id)
        if active is None:
            loaded = ActiveUpload(*await self.load(upload_id, owner))
            # Somebody else may have loaded it meanwhile; two of them would not see each other's writers.
            active = self._active.setdefault(upload_id, loaded)
        elif active.upload.state in FINISHING:
            # Behind our back the finisher may have gone on with it.
            active.upload, _ = await self.load(upload_id, owner)
        self.check_owner(active.upload, owner)
        if active.upload.state is State.RECEIVING:
            self.remember(active)
        return active

    def remember(self, active: ActiveUpload) -> None:
        """Keeps a receiving upload in memory, the latest longest."""
        self._active[active.upload.id] = self._recent[active.upload.id] = active
        self._recent.move_to_end(active.upload.id)
        if len(self._recent) > RECENT_UPLOADS:
            self._recent.popitem(last=False)

    async def load(self, upload_id: str, owner: str | None) -> tuple[Upload, Sequence[Slice]]:
        """The upload and its slices as the catalogue has them. Raises UnknownUpload."""
        loaded = await self._catalogue.load(upload_id)
        if loaded is None:
            raise UnknownUpload
        self.check_owner(loaded[0], owner)
        return loaded

    def check_owner(self, upload: Upload, owner: str | None) -> None:
        """Raise UnknownUpload for another owner's upload, as if there were none. `owner` None may have every upload."""
        if not may_change(upload.owner, owner):
            raise UnknownUpload

    def view(self, upload: Upload, received: Ranges) -> UploadView:
        """The upload as a client is to see it."""
        if upload.state is State.RECEIVING:
            return UploadView(upload, received, expiry.expires_at(upload, self._lifetime))
        if upload.length is not None and upload.state in COMPLETE_STATES:
            received = Ranges([Span(0, upload.length)])
        return UploadView(upload, received, None, edits.editable_until(upload, self._lifetime))


def ranges_of(slices: Iterable[Slice]) -> Ranges:
    """What the recorded slices cover."""
    return Ranges(Span(piece.start, piece.stop) for piece in slices)
