"""The data folder: places, lock, admin token, and durable names."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.service import StorageError, StorageFull
from media_service.storage.data_folder import DataFolder, DataFolderLocked, make_private_folder
from media_service.storage.os_errors import map_os_errors
from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from pathlib import Path

LOCK = """
import sys
from pathlib import Path
from media_service.storage.data_folder import DataFolder
descriptor = DataFolder(Path(sys.argv[1])).lock()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Return a data folder that was made."""
    folder = DataFolder(tmp_path / "deep" / "data")
    folder.make()
    return folder


def test_the_folder_is_for_this_user_alone(folder: DataFolder) -> None:
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    folder.make()


def test_every_path_is_below_the_folder(folder: DataFolder) -> None:
    paths = {folder.catalogue, folder.partials, folder.spool, folder.quarantine, folder.locks}
    assert len(paths) == 5
    assert {path.parent for path in paths} == {folder.root}


def test_second_server_gets_data_folder_locked(folder: DataFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(folder.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(DataFolderLocked, match=str(folder.root)):
            folder.lock()
        other.kill()
        other.wait()
    os.close(folder.lock())


async def test_lock_waits_for_a_server_that_is_ending(folder: DataFolder) -> None:
    held = folder.lock()
    waiting = asyncio.create_task(asyncio.to_thread(folder.lock))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    os.close(held)
    os.close(await waiting)


def test_a_closed_lock_is_free_again(folder: DataFolder) -> None:
    os.close(folder.lock())
    os.close(folder.lock())


def test_the_token_is_made_once_and_is_for_this_user_alone(folder: DataFolder) -> None:
    token = folder.admin_token()
    assert len(token) >= 32
    assert DataFolder(folder.root).admin_token() == token
    assert stat.S_IMODE((folder.root / "admin-token").stat().st_mode) == 0o600


def test_an_operator_may_write_the_token(folder: DataFolder) -> None:
    (folder.root / "admin-token").write_text("  of my own \n")
    assert folder.admin_token() == "of my own"


def test_empty_token_file_gets_a_token(folder: DataFolder) -> None:
    (folder.root / "admin-token").touch()
    assert folder.admin_token()


@pytest.mark.parametrize("code", [28, 122, 27])
def test_errno_of_a_full_disk_is_storage_full(code: int) -> None:
    with pytest.raises(StorageFull), map_os_errors():
        raise OSError(code, os.strerror(code))


def test_other_errors_keep_their_cause() -> None:
    with pytest.raises(StorageError) as trouble, map_os_errors():
        raise OSError(5, os.strerror(5))
    assert isinstance(trouble.value.__cause__, OSError)


@pytest.mark.parametrize("kind", [FileNotFoundError, FileExistsError])
def test_missing_or_existing_names_pass_unchanged(kind: type[OSError]) -> None:
    with pytest.raises(kind), map_os_errors():
        raise kind


def test_only_directories_can_be_synced(tmp_path: Path) -> None:
    fsync_directory(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        fsync_directory(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        fsync_directory(tmp_path / "missing")


async def test_folder_is_created_with_parents_unless_it_exists(tmp_path: Path) -> None:
    await make_private_folder(tmp_path / "a" / "b")
    await make_private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


async def test_file_in_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        await make_private_folder(tmp_path / "file")
    with pytest.raises(StorageError):
        await make_private_folder(tmp_path / "file" / "below")


def test_another_token_takes_the_place_of_the_first_and_is_for_this_user_alone(folder: DataFolder) -> None:
    folder.admin_token()
    # Of a crash while it was written.
    (folder.root / "admin-token.new").write_text("half")
    folder.save_admin_token("of all nodes")
    assert DataFolder(folder.root).admin_token() == "of all nodes"
    assert stat.S_IMODE((folder.root / "admin-token").stat().st_mode) == 0o600


def test_folder_keeps_its_identity_when_it_is_moved(folder: DataFolder) -> None:
    identity = folder.identity()
    moved = folder.root.rename(folder.root.with_name("moved"))
    assert DataFolder(moved).identity() == identity
    other = DataFolder(folder.root)
    other.make()
    assert other.identity() != identity
