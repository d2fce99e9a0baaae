"""What of a data folder becomes which objects, when an installation moves from one to a bucket."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from media_service.storage import quarantine, upload_store
from media_service.storage.s3.keys import (
    REPORT_SUFFIX,
    RESTORED,
    incoming_key,
    quarantine_key,
    slice_key,
    spool_key,
    trash_key,
    whole_key,
)
from media_service.storage.s3.spool import CONTENT_TYPE
from media_service.storage.spool import TRASHED_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from media_service.core.upload import Slice
    from media_service.storage.data_folder import DataFolder

ATTEMPT = "migrated"
"""Name of the attempt at each slice. Always the same, so that a repeated run finds what an earlier one has sent."""

log = structlog.get_logger()


class Unfinished(Protocol):
    """An upload that has bytes of its own. `is_complete`: they are finished, perhaps without rows of slices."""

    @property
    def id(self) -> str:
        """Return the upload's id."""

    @property
    def is_complete(self) -> bool:
        """Return whether all bytes have come."""

    @property
    def length(self) -> int | None:
        """Return the announced length in bytes."""

    @property
    def slices(self) -> list[Slice]:
        """Return its slices, by start."""


class Rows(Protocol):
    """What the catalogue knows of the files."""

    def unfinished(self) -> Iterable[Unfinished]:
        """Return the uploads that are received or finished."""

    def stored_digest(self, name: str) -> bytes | None:
        """Return the SHA-256 of the finished file of this name."""

    def digest_of(self, file_id: str) -> bytes | None:
        """Return the SHA-256 of the finished file with this id."""


@dataclass(frozen=True, slots=True)
class FileObject:
    """The bytes `[start, stop)` of a file and the key of the object that they become.

    `sha256`: what the catalogue has as theirs. `assembled_as`: of a file that has no name yet, its upload.
    """

    key: str
    path: Path
    start: int
    stop: int
    sha256: bytes | None = None
    content_type: str = "application/octet-stream"
    assembled_as: str | None = None

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return self.stop - self.start


def objects_of(folder: DataFolder, rows: Rows) -> Iterator[FileObject]:
    """Yield what the objects are made of, without what a crash has left. Raise OSError."""
    for upload in rows.unfinished():
        yield from _of_upload(folder, upload)
    for path, size in _files_in(folder.spool / "mp3"):
        yield FileObject(spool_key(path.name), path, 0, size, rows.stored_digest(path.name), CONTENT_TYPE)
    for path, size in _files_in(folder.spool / "trash"):
        if path.suffix == TRASHED_SUFFIX:
            yield FileObject(trash_key(path.stem), path, 0, size, rows.digest_of(path.stem), CONTENT_TYPE)
    for path, size in _files_in(folder.quarantine):
        if path.suffix == quarantine.FILE_SUFFIX:
            yield FileObject(quarantine_key(path.stem), path, 0, size)
        elif path.suffix == quarantine.REPORT_SUFFIX:
            key = quarantine_key(path.stem) + REPORT_SUFFIX
            yield FileObject(key, path, 0, size, content_type="application/json")


def received_sizes(folder: DataFolder, rows: Rows) -> Iterator[tuple[str, int]]:
    """Yield the ids of unfinished uploads, and how many bytes their partials have. Raise OSError."""
    for upload in rows.unfinished():
        size = _size_of(_partial(folder, upload.id))
        if size is not None:
            yield upload.id, size


def _of_upload(folder: DataFolder, upload: Unfinished) -> Iterator[FileObject]:
    partial = _partial(folder, upload.id)
    size = _size_of(partial)
    if size is None:
        log.warning("an upload has no partial", upload=upload.id)
    elif upload.slices:
        for piece in upload.slices:
            if piece.stop <= size:
                key = slice_key(upload.id, piece.start, piece.stop, ATTEMPT)
                yield FileObject(key, partial, piece.start, piece.stop, piece.digest)
            else:
                log.warning("a slice has no bytes", upload=upload.id, start=piece.start, stop=piece.stop)
    elif upload.is_complete:
        # The quarantine has returned it.
        stop = size if upload.length is None else min(size, upload.length)
        yield FileObject(whole_key(upload.id, RESTORED), partial, 0, stop)
    assembled = folder.spool / ".incoming" / upload.id
    if upload.is_complete and (size := _size_of(assembled)) is not None:
        key = incoming_key(upload.id)
        yield FileObject(key, assembled, 0, size, content_type=CONTENT_TYPE, assembled_as=upload.id)


def _partial(folder: DataFolder, upload_id: str) -> Path:
    return folder.partials / (upload_id + upload_store.SUFFIX)


def _size_of(path: Path) -> int | None:
    """Return the size of a file, None if there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _files_in(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files of a folder by name, with their sizes; what else is in it stays where it is."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        size = _size_of(path)
        if size is None or not path.name.isprintable():
            log.warning("left out: not a file of the service", path=str(path))
        else:
            yield path, size
