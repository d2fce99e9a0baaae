"""How a finished file moves: into the trash and back, away for good, and what its reader takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core.access import LOCAL_OWNER
from media_service.core.errors.files import FileInTrash, FilePurged, FileTaken, NotInTrash
from media_service.core.files import Place, Trashed
from media_service.core.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from media_service.core.expiry import Lifetime
    from media_service.core.files import StoredFile

LISTED = frozenset({Place.SPOOL, Place.TAKEN})
"""Places of the files that listings and searches show. The trash has a listing of its own."""

COUNTED = frozenset({Place.SPOOL, Place.TRASH})
"""Places of the files that count for quotas: their bytes are there."""


REASON_CHARACTERS = 500
"""Maximum of the reason for which a file is put into the trash."""


def clean_reason(reason: str) -> str:
    """Return the reason as one clean line. Raise Malformed if it is too long."""
    return clean_line(reason, "reason", REASON_CHARACTERS)


def check_in_spool(file: StoredFile) -> None:
    """Raise FileInTrash, FileTaken or FilePurged unless the file is in the spool."""
    if file.place is Place.TRASH:
        raise FileInTrash
    check_not_gone(file)


def check_not_gone(file: StoredFile) -> None:
    """Raise FileTaken or FilePurged if the file has no bytes any more."""
    if file.place is Place.TAKEN:
        raise FileTaken
    if file.place is Place.PURGED:
        raise FilePurged


def may_have_cover(file: StoredFile) -> bool:
    """Return whether the cover can be asked for: there is one, or nobody has looked."""
    return file.place is Place.SPOOL and file.has_cover is not False


def trashed(file: StoredFile, note: Trashed) -> StoredFile:
    """Return the file in the trash. Raise as `check_in_spool`."""
    check_in_spool(file)
    return replace(file, place=Place.TRASH, trashed=note)


def explained(file: StoredFile, reason: str) -> StoredFile:
    """Return the file in the trash for this reason. Raise NotInTrash."""
    if file.place is not Place.TRASH or file.trashed is None:
        raise NotInTrash
    return replace(file, trashed=replace(file.trashed, reason=reason))


def restored(file: StoredFile) -> StoredFile:
    """Return the file in the spool again. Raise NotInTrash.

    It keeps `trashed` until its bytes are there: if they cannot come, it is in the trash still.
    """
    if file.place is not Place.TRASH:
        raise NotInTrash
    return replace(file, place=Place.SPOOL)


def purged(file: StoredFile, now: int) -> StoredFile:
    """Return the file deleted from the trash. Raise NotInTrash."""
    if file.place is not Place.TRASH:
        raise NotInTrash
    return replace(file, place=Place.PURGED, removed_at=now)


def taken(file: StoredFile, now: int) -> StoredFile:
    """Return the file as one whose bytes are neither in the spool nor in the trash."""
    return replace(file, place=Place.TAKEN, trashed=None, removed_at=now)


def back(file: StoredFile) -> StoredFile:
    """Return the file in the spool, at rest."""
    return replace(file, place=Place.SPOOL, trashed=None, removed_at=None)


def may_take_back(file: StoredFile, owners: Collection[str], now: int, lifetime: Lifetime) -> bool:
    """Return whether a sender with these owners may still put their file into the trash, or restore it.

    Files of LOCAL_OWNER belong to nobody in particular. What somebody else has put into the trash stays there.
    """
    if file.owner not in owners or file.owner == LOCAL_OWNER or now > file.spooled_at + lifetime.take_back:
        return False
    return file.place is not Place.TRASH or (file.trashed is not None and file.trashed.by in owners)
