"""Pages that the kernel could not write: whoever wrote them is told, whatever others were told before."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.errors.service import StorageError, StorageFull
from media_service.storage.sync import server as sync_server
from media_service.storage.upload_store import DiskUploadStore
from media_service.storage.write_errors import raise_lost_writes
from tests.storage.partials import locked
from tests.storage.small_disk import on_losing_disk
from tests.support.rpc import storage_rpc

if TYPE_CHECKING:
    import socket
    from pathlib import Path

MIB = 1024 * 1024


def serve_opening_late(connection: socket.socket) -> None:
    """Serve as a sidecar that was restarted: it opens a partial when it is asked to sync it."""
    server = sync_server.SyncServer(connection)
    server.methods["open"] = lambda _request_id, _path: None
    server.run()


async def told_before(disk: Path) -> Any:
    """Return which commits fail after another process was told of the loss, and the disk can store all again."""
    async with storage_rpc(serve_opening_late) as rpc:
        store = DiskUploadStore(disk / "losing", rpc)
        await store.create("a", None)
        writers = await locked(store, 0, 16 * MIB), await locked(store, 16 * MIB, 10)
        for _ in range(16):
            await writers[0].write(b"x" * MIB)
        told = os.open(store.path("a"), os.O_WRONLY)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            os.fsync(told)
        os.close(told)
        subprocess.run(("mount", "-o", "remount,size=80m", disk), check=True)
        late = os.open(store.path("a"), os.O_WRONLY)
        os.fdatasync(late)
        raise_lost_writes(late)
        os.close(late)
        failed = []
        for writer in writers:
            try:
                await writer.commit()
            except (StorageFull, StorageError) as error:
                failed.append(type(error).__name__)
            writer.close()
        store.close_idle()
        return failed


def test_loss_that_another_process_was_told_of_is_an_error_of_every_commit(tmp_path: Path) -> None:
    assert on_losing_disk(tmp_path / "disk", told_before) == ["StorageFull", "StorageError"]


def test_file_without_lost_pages_is_no_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * MIB)
        raise_lost_writes(file.fileno())
        file.flush()
        os.fsync(file.fileno())
        raise_lost_writes(file.fileno())


def test_descriptor_of_no_file_is_an_error() -> None:
    reader, writer = os.pipe()
    with pytest.raises(OSError, match=os.strerror(errno.ESPIPE)):
        raise_lost_writes(writer)
    os.close(reader)
    os.close(writer)
