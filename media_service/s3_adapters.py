"""What a process has of an S3 store. Imported only where it is used, because its libraries may not be installed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from media_service.core.errors.service import StorageError
from media_service.startup import StartupError
from media_service.storage.s3.client import S3Client
from media_service.storage.s3.errors import StoreUnusable
from media_service.storage.s3.folder_contents import ATTEMPT, received_sizes
from media_service.storage.s3.folder_import import FolderImport, is_claimed
from media_service.storage.s3.location import S3Location
from media_service.storage.s3.owner import OWNER, claim_prefix
from media_service.storage.s3.probe import Probe
from media_service.storage.s3.quarantine import S3Quarantine
from media_service.storage.s3.scratch import Scratch
from media_service.storage.s3.spool import S3Spool
from media_service.storage.s3.upload_store import S3UploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from media_service.config.settings import Settings
    from media_service.storage.data_folder import DataFolder
    from media_service.storage.s3.folder_contents import Rows


class S3Bytes:
    """`ByteAdapters` of a bucket."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        redirects = settings.content == "redirect"
        self._client = S3Client(_location(settings))
        self._probe = Probe(self._client)
        self._scratch = Scratch(_scratch_folder(settings, folder))
        self.store = S3UploadStore(self._client, self._scratch)
        self.spool = S3Spool(self._client, self._scratch, redirects=redirects)
        self.quarantine = S3Quarantine(self._client, redirects=redirects)

    def is_connected(self) -> bool:
        """See `ByteAdapters`."""
        return self._probe.responds

    def free_bytes(self) -> int:
        """See `ByteAdapters`: the disk of the slices that are on their way."""
        return self._scratch.free_bytes()

    async def open(self) -> None:
        """See `ByteAdapters`."""
        await self._scratch.prepare()
        await self._client.__aenter__()
        await self._probe.start()

    async def close(self) -> None:
        """See `ByteAdapters`."""
        await self._probe.stop()
        await self._client.__aexit__(None, None, None)
        self._scratch.close()

    @staticmethod
    def claim(settings: Settings, identity: str) -> None:
        """Let the bucket's prefix belong to the catalogue with this identity. Raise StartupError if it does not."""
        if not asyncio.run(_claim(settings, identity)):
            raise StartupError(
                f"{settings.store} has the files of another catalogue, which this one would delete: use another "
                f"prefix, or delete the object {OWNER} there if that catalogue is gone"
            )

    @staticmethod
    def prepare(settings: Settings, _folder: DataFolder) -> None:
        """Check that the bucket can be used. Raise StartupError."""
        asyncio.run(_check(settings))

    @staticmethod
    @asynccontextmanager
    async def importing(settings: Settings, folder: DataFolder, rows: Rows) -> AsyncIterator[FolderImport]:
        """Yield what moves the files of a folder into the bucket. Raise StartupError."""
        try:
            async with S3Client(_location(settings)) as client:
                await client.check()
                yield FolderImport(client, folder, rows, folder.identity())
        except StoreUnusable as error:
            raise StartupError(str(error)) from error

    @staticmethod
    def moved_slices(folder: DataFolder, rows: Rows) -> tuple[Iterable[tuple[str, int]], str]:
        """Return the uploads whose slices are moved, each up to which byte; and the name of their objects."""
        return received_sizes(folder, rows), ATTEMPT


async def _check(settings: Settings) -> None:
    try:
        async with S3Client(_location(settings)) as client:
            await client.check()
            if await is_claimed(client):
                raise StartupError(f"the files of {settings.store} are still on their way: run `migrate-to` again")
    except StoreUnusable as error:
        raise StartupError(str(error)) from error


async def _claim(settings: Settings, identity: str) -> bool:
    try:
        async with S3Client(_location(settings)) as client:
            return await claim_prefix(client, identity)
    except (StoreUnusable, StorageError) as error:
        raise StartupError(f"{settings.store} cannot be used: {error.__cause__ or error}") from error


def _location(settings: Settings) -> S3Location:
    return S3Location.parse(
        settings.store,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        addressing=settings.s3_addressing,
    )


def _scratch_folder(settings: Settings, folder: DataFolder) -> Path:
    return (settings.scratch_dir or folder.root / "scratch").resolve()
