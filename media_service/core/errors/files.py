"""Refusals of a file by its verdict, and of changes of a finished file."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class UnknownFile(Refusal):
    """The file does not exist, or belongs to another owner."""

    code = "unknown_file"
    template = "There is no such file."


@dataclass(eq=False)
class MatchRequired(Refusal):
    code = "match_required"
    template = "This change requires If-Match with the ETag of the file as you saw it."


@dataclass(eq=False)
class FileChanged(Refusal):
    code = "file_changed"
    template = "The file has changed since you saw it; get it again."


@dataclass(eq=False)
class FileInTrash(Refusal):
    code = "file_in_trash"
    template = "The file is in the trash; it can be restored."


@dataclass(eq=False)
class NotInTrash(Refusal):
    code = "not_in_trash"
    template = "The file is not in the trash."


@dataclass(eq=False)
class FileTaken(Refusal):
    code = "file_taken"
    template = "The file was taken from the spool by its reader."


@dataclass(eq=False)
class FilePurged(Refusal):
    code = "file_purged"
    template = "The file was deleted."


@dataclass(eq=False)
class NameInUse(Refusal):
    code = "name_in_use"
    template = 'Somebody has put another file into the spool as "{name}".'
    name: str


@dataclass(eq=False)
class NotMp3(Refusal):
    code = "not_mp3"
    template = "The file is not an MP3: {reason}."
    reason: str


@dataclass(eq=False)
class Damaged(Refusal):
    code = "damaged"
    template = "The MP3 is damaged: {reason}."
    reason: str
    finding: str


@dataclass(eq=False)
class Duplicate(Refusal):
    code = "duplicate"
    template = 'The file is here already, as "{name}".'
    name: str | None = None
    """None if the other file belongs to another owner, who is not disclosed."""

    @property
    def message(self) -> str:
        """Return the message, without a name that is not disclosed."""
        return "This is here already." if self.name is None else super().message


@dataclass(eq=False)
class LengthMismatch(Refusal):
    code = "length_mismatch"
    template = "The file has {actual} bytes, but {expected} were announced."
    expected: int
    actual: int


@dataclass(eq=False)
class ContentHashMismatch(Refusal):
    code = "content_hash_mismatch"
    template = "The file's content hash differs from the announced one."
    expected: str
    actual: str


@dataclass(eq=False)
class TooCostly(Refusal):
    code = "too_costly"
    template = "Reading the file's tags exceeds the limit of time or memory."


@dataclass(eq=False)
class UnknownVerdict(Refusal):
    """A stored verdict has a code that this version does not know."""

    code = "unknown_verdict"
    template = "Another version of the service rejected this file: {verdict}."
    verdict: str
