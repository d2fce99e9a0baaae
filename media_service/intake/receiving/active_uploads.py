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
    from contextlib import AbstractAsyncContextManager

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
    """A receiving upload in memory: its rows in the catalogue, and who writes now. Only its methods change it."""

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
        """Return the upload as it was last saved, or is being ended."""
        return self._upload

    @property
    def received(self) -> Ranges:
        """Return the recorded bytes."""
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
        """Return the bytes recorded and, while the length is not known, those admitted beside them."""
        return self._admitted

    @property
    def reserved(self) -> int | None:
        """Return the offset before which the disk has room for every byte, None if that was not looked up."""
        return self._reserved

    @property
    def is_changing(self) -> bool:
        """Return whether a task is inside of `changing`."""
        return self._lock.locked()

    def changing(self) -> AbstractAsyncContextManager[None]:
        """Keep other tasks from changing the upload's state meanwhile."""
        return self._lock

    def update(self, upload: Upload) -> None:
        """Replace the upload, which was saved or is being ended."""
        self._upload = upload

    def record(self, piece: Slice, upload: Upload) -> None:
        """Count a recorded slice, and replace the upload by what it is with that slice."""
        self._received = self._received.add(Span(piece.start, piece.stop))
        self._count += 1
        self._size += piece.stop - piece.start
        self._upload = upload

    def admit(self, size: int) -> None:
        """Count bytes that may be written."""
        self._admitted += size

    def reserve(self, stop: int) -> None:
        """Note that the disk has room for the bytes before `stop`."""
        self._reserved = stop

    def release(self, lease: Lease) -> None:
        """Release a lease. Once nobody writes, bytes that were admitted and not recorded count no more."""
        lease.release()
        if not self.leases:
            self._admitted = self._size


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
        """The one ActiveUpload of this upload. Raises UnknownUpload."""
        active = self._active.get(upload_id)
        if active is None:
            loaded = ActiveUpload(*await self.load(upload_id, owner))
            # Somebody else may have loaded it meanwhile; two of them would not see each other's writers.
            active = self._active.setdefault(upload_id, loaded)
        elif active.upload.state in FINISHING:
            # Behind our back the finisher may have gone on with it.
            active.update((await self.load(upload_id, owner))[0])
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
