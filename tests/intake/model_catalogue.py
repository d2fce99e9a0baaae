"""Model of the catalogue's part that receiving uses: all of it is durable at once.

`tests/contracts` runs the suite of its port over it. It never waits, so that a test can crash at any step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core.errors.service import CatalogueError, ChangedMeanwhile
from media_service.core.quota import FIRST_CHARGE_BYTES, NO_STORAGE_LIMITS, next_charge
from media_service.core.upload import Recorded
from media_service.core.upload_states import ENDED, Event, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.quota import Quota, StorageLimits
    from media_service.core.upload import Slice, Upload


class ModelReceiving:
    """The part of `core.ports.catalogue.Catalogue` that receiving uses, in memory: durable when a call returns."""

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self.slices: dict[str, list[Slice]] = {}
        self._recorded_at: dict[str, int] = {}
        self._charged: dict[str, int] = {}

    async def create(
        self, upload: Upload, quota: Quota | None = None, limits: StorageLimits = NO_STORAGE_LIMITS
    ) -> int:
        """Refuse an id that is there, and what exceeds the quota of the address."""
        if quota is not None and upload.address is not None:
            count, used = await self.address_usage(upload.address)
            quota.check_count(count)
            quota.check_bytes(used, upload.length or 0)
        if upload.id in self.uploads:
            raise CatalogueError
        self.uploads[upload.id] = upload
        self.slices[upload.id] = []
        self._charged[upload.id] = upload.length or FIRST_CHARGE_BYTES
        return self._charged[upload.id]

    async def charge(self, upload: Upload, stop: int, limits: StorageLimits = NO_STORAGE_LIMITS) -> int:
        """Refuse nothing but an upload that does not receive."""
        stored = self.uploads.get(upload.id)
        if stored is None or stored.state is not State.RECEIVING:
            raise ChangedMeanwhile
        charged = self._charged[upload.id]
        self._charged[upload.id] = stored.length or (charged if stop <= charged else next_charge(stop))
        return self._charged[upload.id]

    async def address_usage(self, address: str) -> tuple[int, int]:
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
    differ = piece.digest is not None and other.digest is not None and piece.digest != other.digest
    return (piece.start, piece.stop) == (other.start, other.stop) and not differ
