"""Finished files, and how they are made of received ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from media_service.core.chapters import Chapter
    from media_service.core.upload import Facts


@dataclass(frozen=True, slots=True)
class ObjectRange:
    """The bytes `[start, stop)` of an object in an object store."""

    key: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to read: a local file that has them and, in an object store, the objects that they are, in order."""

    path: Path
    objects: tuple[ObjectRange, ...] = ()


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """How a received file is tagged: `head` replaces its first `cut` bytes, `tail` the last ones before `length`.

    `length` is the number of its bytes that are used, or replaced by `tail`; None for all.
    """

    head: bytes
    cut: int
    tail: bytes = b""
    length: int | None = None


@dataclass(frozen=True, slots=True)
class TagValues:
    """Tags and chapters of a rewritten file, and whether it has a cover; None if its tag was not read for one."""

    tags: Mapping[str, str]
    chapters: tuple[Chapter, ...] = ()
    has_cover: bool | None = None


@dataclass(frozen=True, slots=True)
class CoverAndChapters:
    """A cover and chapters for a file: None keeps the file's own, empty removes them. `duration` in seconds.

    `only_missing`: the picture is for a file without a cover of its own.
    """

    picture: bytes | None = None
    chapters: tuple[Chapter, ...] | None = None
    duration: float = 0.0
    only_missing: bool = False

    def __bool__(self) -> bool:
        return self.picture is not None or self.chapters is not None


@dataclass(frozen=True, slots=True)
class AssembledFile:
    """Size and SHA-256 of a tagged file that is complete on disk and has no name yet."""

    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A file in the spool: its name, and its current size and SHA-256."""

    name: str
    size: int
    sha256: bytes


class Place(StrEnum):
    """Where the bytes of a finished file are: in the spool, in the trash, or nowhere.

    `taken`: its reader took it from the spool. `purged`: deleted from the trash. Its row keeps the name from being
    given again.
    """

    SPOOL = "spool"
    TRASH = "trash"
    TAKEN = "taken"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class Trashed:
    """When a file came into the trash (UTC microseconds), by whom, and why.

    `by`: the id of an owner, or ADMIN_TOKEN; None for the service itself, or for somebody who was erased. `by_name`:
    the name then.
    """

    at: int
    by: str | None = None
    by_name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A finished file's row. `tags` and `chapters` are the file's own; times are UTC microseconds.

    `has_cover`: whether it has a front cover that could be sent; None if nobody has looked, as in rows from before
    migration 0018. `trashed` is of a file in the trash, and stays when it is purged. `removed_at`: when the file was
    found taken, or was purged.
    """

    id: str
    upload_id: str
    owner: str
    sender: str | None
    filename: str
    spool_entry: SpoolEntry
    facts: Facts
    tags: Mapping[str, str]
    uploaded_at: int
    spooled_at: int
    chapters: tuple[Chapter, ...] = ()
    has_cover: bool | None = None
    account: str | None = None
    collection: str | None = None
    email: str | None = None
    place: Place = Place.SPOOL
    trashed: Trashed | None = None
    removed_at: int | None = None


@dataclass(frozen=True, slots=True)
class LoudnessReport:
    """Loudness and waveform of a finished file; None for what could not be measured.

    `integrated` is in LUFS, `range` in LU, `true_peak` in dBTP, silences in seconds. `peaks`: the highest level of each
    of equally long parts, in percent of full scale.
    """

    integrated: float | None = None
    range: float | None = None
    true_peak: float | None = None
    leading_silence: float | None = None
    trailing_silence: float | None = None
    peaks: tuple[int, ...] = ()
