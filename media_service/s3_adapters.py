"""What a process has of an S3 store. Imported only where it is used, because its libraries may not be installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.startup import StartupError

if TYPE_CHECKING:
    from media_service.config.settings import Settings
    from media_service.core.ports.quarantine import Quarantine
    from media_service.core.ports.spool import Spool
    from media_service.core.ports.upload_store import UploadStore
    from media_service.storage.data_folder import DataFolder


class S3Bytes:
    """`ByteAdapters` of a bucket."""

    store: UploadStore
    spool: Spool
    quarantine: Quarantine

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self.prepare(settings, folder)

    def is_connected(self) -> bool:
        """See `ByteAdapters`."""
        return True

    def free_bytes(self) -> int:
        """See `ByteAdapters`."""
        return 0

    async def open(self) -> None:
        """See `ByteAdapters`."""

    async def close(self) -> None:
        """See `ByteAdapters`."""

    @staticmethod
    def prepare(settings: Settings, folder: DataFolder) -> None:
        """Check that the bucket can be used. Raise StartupError."""
        server = (settings.s3_endpoint, settings.s3_region, settings.s3_addressing, settings.content)
        scratch = (settings.scratch_dir or folder.root / "scratch").resolve()
        raise StartupError(f"files cannot be in {settings.store} yet: {server}, {scratch}")
