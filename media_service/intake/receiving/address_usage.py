"""Open uploads of each address. Counted in memory, because only this process creates uploads."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.quota import Quotas
    from media_service.core.upload import Upload


class AddressUsage:
    """Open uploads and their bytes by address. Nothing here awaits, so two creations cannot pass the same check."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._open: dict[str, dict[str, int]] = {}
        self._bytes: Counter[str] = Counter()

    def claim(self, upload: Upload, size: int) -> None:
        """Count the upload with `size` bytes instead of its earlier size. Raise TooManyUploads, QuotaExceeded."""
        address = upload.address
        if address is None:
            return
        uploads, quota = self._open.get(address, {}), self._quotas.of(address)
        before = uploads.get(upload.id)
        if before is None:
            quota.check_count(len(uploads))
        if size > (before or 0):
            quota.check_bytes(self._bytes[address] - (before or 0), size)
        self.note(address, upload.id, size)

    def note(self, address: str, upload_id: str, size: int) -> None:
        """Count an upload that exists already, whatever the quota."""
        uploads = self._open.setdefault(address, {})
        self._bytes[address] += size - uploads.get(upload_id, 0)
        uploads[upload_id] = size

    def release(self, upload: Upload) -> None:
        """Stop counting an upload that is complete or has ended."""
        uploads = self._open.get(upload.address or "", {})
        if upload.address is None or upload.id not in uploads:
            return
        self._bytes[upload.address] -= uploads.pop(upload.id)
        if not uploads:
            del self._open[upload.address], self._bytes[upload.address]
