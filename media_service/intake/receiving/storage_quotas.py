"""Quotas of the service, a collection and an owner, for uploads whose length becomes known only as bytes come.

The catalogue decides on the others when they are created (`Catalogue.create`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.quota import holder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.quota import Allowance, StorageLimits
    from media_service.intake.receiving.active_uploads import ActiveUpload


class StorageQuotas:
    """Reserves bytes of the quotas. `limits`: those of the settings."""

    def __init__(self, catalogue: Catalogue, limits: StorageLimits) -> None:
        self._catalogue = catalogue
        self.limits = limits

    async def admit(self, active: ActiveUpload, stop: int) -> None:
        """Reserve the bytes before `stop`, unless they are, for an upload of unknown length.

        Raise as `Catalogue.charge`.
        """
        if stop > active.charged:
            active.charge(await self._catalogue.charge(active.upload, stop, self.limits))

    async def largest(self, account: str | None, collection: str | None) -> int | None:
        """Return the maximum bytes of a new upload of this account in this collection; None for no limit."""
        allowances = await self._catalogue.allowances(account, collection, self.limits)
        return min((size for each in allowances if (size := each.largest) is not None), default=None)

    async def allowances(self, account: str | None) -> Sequence[Allowance]:
        """Return the limits and the usage of the service, and of a person or a link."""
        return await self._catalogue.allowances(account, None, self.limits)

    async def allowance(self, account: str) -> Allowance:
        """Return the limits and the usage of a person or a link."""
        return next(each for each in await self.allowances(account) if each.of == holder_of(account))
