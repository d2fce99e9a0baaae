"""Load an upload that a caller has named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.uploads import UnknownUpload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Slice, Upload


async def load_upload(catalogue: Catalogue, upload_id: str) -> tuple[Upload, Sequence[Slice]]:
    """Return the upload and its slices by start. Raise UnknownUpload."""
    loaded = await catalogue.load(upload_id)
    if loaded is None:
        raise UnknownUpload
    return loaded
