"""Quotas of addresses for uploads whose length becomes known only as bytes come.

The catalogue counts the others when they are created (`Catalogue.create`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.quota import Quota, Quotas
    from media_service.intake.receiving.active_uploads import ActiveUpload

RECHECK_SECONDS = 1.0
"""Time for which the bytes that the catalogue counted for an address are used."""


class AddressUsage:
    """Checks quotas. Bytes that another process admitted and has not recorded yet do not count."""

    def __init__(self, catalogue: Catalogue, quotas: Quotas) -> None:
        self._catalogue = catalogue
        self._quotas = quotas
        self._counted: dict[str, tuple[float, int]] = {}
        # Bytes that were admitted to be written and are not recorded, by address and upload.
        self._unrecorded: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def quota_of(self, address: str | None) -> Quota | None:
        """Return the quota of an address, None for an unknown one."""
        return None if address is None else self._quotas.of(address)

    async def admit(self, active: ActiveUpload, size: int) -> None:
        """Count bytes that are about to be written to an upload of unknown length. Raise QuotaExceeded."""
        address, quota = active.upload.address, self.quota_of(active.upload.address)
        if address is None or quota is None or quota.bytes is None:
            return
        unrecorded = self._unrecorded[address]
        used = await self._recorded(address) + sum(unrecorded.values())
        quota.check_bytes(used, size)
        unrecorded[active.upload.id] = unrecorded.get(active.upload.id, 0) + size

    async def check_length(self, active: ActiveUpload, length: int) -> None:
        """Check the length of an upload before it is set. Raise QuotaExceeded."""
        address, quota = active.upload.address, self.quota_of(active.upload.address)
        if address is not None and quota is not None and quota.bytes is not None:
            _, used = await self._catalogue.address_usage(address)
            quota.check_bytes(used - active.size, length)

    def settle(self, active: ActiveUpload) -> None:
        """Forget the admitted bytes of an upload without a writer: what was recorded is in the catalogue."""
        address = active.upload.address
        if address is not None and self._unrecorded.get(address, {}).pop(active.upload.id, None) is not None:
            self._counted.pop(address, None)
            if not self._unrecorded[address]:
                del self._unrecorded[address]

    async def _recorded(self, address: str) -> int:
        now = time.monotonic()
        counted_at, size = self._counted.get(address, (float("-inf"), 0))
        if now > counted_at + RECHECK_SECONDS:
            _, size = await self._catalogue.address_usage(address)
            # Few addresses have uploads of unknown length; old counts are dropped here.
            self._counted = {key: value for key, value in self._counted.items() if now <= value[0] + RECHECK_SECONDS}
            self._counted[address] = (now, size)
        return size
