"""Dependencies that all steps of receiving share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.bus import Bus
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import Media
    from media_service.core.ports.upload_store import UploadStore
    from media_service.intake.options import IntakeOptions
    from media_service.intake.receiving.active_uploads import ActiveUploads
    from media_service.intake.receiving.address_usage import AddressUsage
    from media_service.intake.receiving.disk_space import DiskSpace
    from media_service.intake.receiving.storage_quotas import StorageQuotas


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Parts of `UploadService`. `clock` returns UTC microseconds."""

    active_uploads: ActiveUploads
    catalogue: Catalogue
    store: UploadStore
    media: Media
    bus: Bus
    options: IntakeOptions
    clock: Callable[[], int]
    usage: AddressUsage
    quotas: StorageQuotas
    space: DiskSpace
