"""What can go wrong, as one tree.

    MediaServiceError
    ├── Refusal                      the client must change something
    │   ├── Malformed                a field or a body that cannot be read
    │   ├── BodyCut                  the body ended before it was whole
    │   ├── IdleTimeout              the body stood still for too long
    │   ├── BodyTooSlow              the body came, but too slowly
    │   ├── RequestTimeout           a small request that was not whole in time
    │   ├── LengthRequired           a request without a body where one is needed
    │   ├── UnsupportedVersion       not a version of the protocol that is spoken here
    │   ├── UnsupportedMediaType     not the content type or coding this route takes
    │   ├── ForbiddenOrigin          another site's page, or a host that is not ours
    │   ├── Unauthorised             a token is needed
    │   ├── UnknownUpload            no such upload, or somebody else's
    │   ├── UnknownFile              no such file, or somebody else's
    │   ├── UnknownCover             an upload or a file without a cover
    │   ├── MatchRequired            a change that does not say of which version
    │   ├── FileChanged              a change of a version that is no more
    │   ├── UploadGone               cancelled, expired or lost
    │   ├── WrongState               the upload is past this
    │   ├── Superseded               a newer writer took this span
    │   ├── OffsetMismatch           an append that begins elsewhere than the upload goes on
    │   ├── LengthDiffers            another length than the one known
    │   ├── NotWritable              an upload that takes no bytes of its own
    │   ├── SpanOutside              bytes beyond the announced length
    │   ├── SpanOverlaps             bytes that are partly recorded already
    │   ├── BytesMissing             not every byte is recorded yet
    │   ├── DetailsTooLarge          more text beside a file than is kept
    │   ├── FileTooLarge, SliceTooLarge, SliceTooSmall, TooManySlices
    │   ├── TooManyUploads, QuotaExceeded    more than one address may have open
    │   ├── CoverNotImage, CoverTooLarge, CoverTooWide, CoverInvalid    a picture that cannot be a cover
    │   ├── DigestMismatch           the bytes are not those that were announced
    │   ├── SliceDiffers             recorded bytes are not those that were announced
    │   ├── NotMp3, Damaged, Duplicate, LengthMismatch, ContentHashMismatch, TooCostly    the verdict on a whole file
    │   └── UnknownVerdict           a verdict that another version of the service stored
    └── Trouble                      we must change something; the client tries again
        ├── StorageFull, StorageError
        ├── CoversBusy               too many covers are received at once
        ├── CatalogueError
        ├── MediaError
        ├── FinalizeFailed          a fault of ours, met again and again
        ├── BeingFinished            a change that has to wait for the file
        └── ShuttingDown

A class's first docstring line is its message, filled with its fields. Nothing here knows HTTP: the table to status
codes is `http/problems.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class MediaServiceError(Exception):
    """Something went wrong."""

    code: ClassVar[str]

    @property
    def message(self) -> str:
        """One sentence for a person, with this error's fields filled in."""
        return self.explanation().format(**self.details())

    def details(self) -> dict[str, object]:
        """The fields a client needs to go on, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every leaf is a dataclass

    @classmethod
    def explanation(cls) -> str:
        """The message with its fields still open."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Refusal(MediaServiceError):
    """The client must change something."""


class ServiceError(MediaServiceError):
    """The service must change something; the same request may succeed later."""


@dataclass(eq=False)
class Malformed(Refusal):
    """The field "{field}" cannot be used: {reason}."""

    code = "malformed"
    field: str
    reason: str


@dataclass(eq=False)
class BodyCut(Refusal):
    """The request's body ended before it was whole; nothing of it was kept."""

    code = "body_cut"


@dataclass(eq=False)
class IdleTimeout(Refusal):
    """No byte of the body arrived for {seconds} seconds; send it again."""

    code = "idle_timeout"
    seconds: float


@dataclass(eq=False)
class BodyTooSlow(Refusal):
    """The body brought fewer than {rate} bytes a second over {seconds} seconds; send what is missing again."""

    code = "body_too_slow"
    rate: int
    seconds: float


@dataclass(eq=False)
class RequestTimeout(Refusal):
    """The request was not whole within {seconds} seconds; send it again."""

    code = "request_timeout"
    seconds: float


@dataclass(eq=False)
class LengthRequired(Refusal):
    """This request needs a body: with a Content-Length, or in chunks."""

    code = "length_required"


@dataclass(eq=False)
class UnsupportedMediaType(Refusal):
    """The body must come as {expected}."""

    code = "unsupported_media_type"
    expected: str


@dataclass(eq=False)
class UnsupportedVersion(Refusal):
    """This service speaks {versions} here."""

    code = "unsupported_version"
    versions: str


@dataclass(eq=False)
class ForbiddenOrigin(Refusal):
    """This request comes from a page of another site, or names a host that this service does not answer for."""

    code = "forbidden_origin"


@dataclass(eq=False)
class Unauthorized(Refusal):
    """This needs the admin token."""

    code = "unauthorized"


@dataclass(eq=False)
class UnknownUpload(Refusal):
    """There is no such upload."""

    code = "unknown_upload"


@dataclass(eq=False)
class UnknownFile(Refusal):
    """There is no such file."""

    code = "unknown_file"


@dataclass(eq=False)
class UnknownCover(Refusal):
    """There is no cover."""

    code = "unknown_cover"


@dataclass(eq=False)
class MatchRequired(Refusal):
    """This change needs If-Match with the ETag of the file as you saw it."""

    code = "match_required"


@dataclass(eq=False)
class FileChanged(Refusal):
    """The file was changed since you saw it; look at it again."""

    code = "file_changed"


@dataclass(eq=False)
class UploadGone(Refusal):
    """This upload has ended: {state}. Create a new one."""

    code = "upload_gone"
    state: str


@dataclass(eq=False)
class WrongState(Refusal):
    """This upload is past that: {state}."""

    code = "wrong_state"
    state: str


@dataclass(eq=False)
class Superseded(Refusal):
    """A newer request took over these bytes; this one ended."""

    code = "superseded"


@dataclass(eq=False)
class OffsetMismatch(Refusal):
    """The upload goes on at {offset}, not at {provided}."""

    code = "offset_mismatch"
    offset: int
    provided: int


@dataclass(eq=False)
class LengthDiffers(Refusal):
    """The length was {expected}, and is {provided} now."""

    code = "length_differs"
    expected: int
    provided: int


@dataclass(eq=False)
class NotWritable(Refusal):
    """This upload was joined from others and takes no bytes of its own."""

    code = "not_writable"


@dataclass(eq=False)
class SpanOutside(Refusal):
    """The bytes from {start} reach beyond the announced length of {length}."""

    code = "span_outside"
    start: int
    length: int


@dataclass(eq=False)
class SpanOverlaps(Refusal):
    """The bytes from {start} are recorded up to or from {edge}; send only what is missing."""

    code = "span_overlaps"
    start: int
    edge: int


@dataclass(eq=False)
class BytesMissing(Refusal):
    """Not every byte has arrived: go on from {offset}."""

    code = "bytes_missing"
    offset: int


@dataclass(eq=False)
class FileTooLarge(Refusal):
    """Files of up to {limit} bytes are taken."""

    code = "file_too_large"
    limit: int


@dataclass(eq=False)
class SliceTooLarge(Refusal):
    """Slices of up to {limit} bytes are taken."""

    code = "slice_too_large"
    limit: int


@dataclass(eq=False)
class DetailsTooLarge(Refusal):
    """Tags, chapters and metadata of one upload may have {limit} bytes of text together."""

    code = "details_too_large"
    limit: int


@dataclass(eq=False)
class SliceTooSmall(Refusal):
    """A slice has at least {limit} bytes, unless it fills a gap or ends the file."""

    code = "slice_too_small"
    limit: int


@dataclass(eq=False)
class TooManySlices(Refusal):
    """An upload has up to {limit} {counted}. Send larger slices, and in order."""

    code = "too_many_slices"
    limit: int
    counted: str


@dataclass(eq=False)
class TooManyUploads(Refusal):
    """Your address has {limit} open uploads. Finish or cancel some of them first."""

    code = "too_many_uploads"
    limit: int


@dataclass(eq=False)
class QuotaExceeded(Refusal):
    """The open uploads of your address may have {limit} bytes; they have {used}, and this needs {needed}."""

    code = "quota_exceeded"
    limit: int
    used: int
    needed: int


@dataclass(eq=False)
class CoverNotImage(Refusal):
    """A cover must be a JPEG, PNG, WebP or GIF picture."""

    code = "cover_not_image"


@dataclass(eq=False)
class CoverTooLarge(Refusal):
    """Covers of up to {limit} bytes are taken."""

    code = "cover_too_large"
    limit: int


@dataclass(eq=False)
class CoverTooWide(Refusal):
    """Covers of up to {limit} pixels a side are taken."""

    code = "cover_too_wide"
    limit: int


@dataclass(eq=False)
class CoverInvalid(Refusal):
    """This picture cannot be a cover: {reason}."""

    code = "cover_invalid"
    reason: str


@dataclass(eq=False)
class DigestMismatch(Refusal):
    """The bytes have another digest than the one announced; they were changed on their way."""

    code = "digest_mismatch"
    expected: str
    actual: str


@dataclass(eq=False)
class SliceDiffers(Refusal):
    """The bytes recorded from {start} have another digest than the one announced: this is another file."""

    code = "slice_differs"
    start: int


@dataclass(eq=False)
class NotMp3(Refusal):
    """This is not an MP3 file: {reason}."""

    code = "not_mp3"
    reason: str


@dataclass(eq=False)
class Damaged(Refusal):
    """This MP3 is damaged: {reason}."""

    code = "damaged"
    reason: str
    finding: str


@dataclass(eq=False)
class Duplicate(Refusal):
    """This is here already, as "{name}"."""

    code = "duplicate"
    name: str | None = None
    """None if the other file is not the sender's own: it is not named to anyone else."""

    @property
    def message(self) -> str:
        """One sentence for a person, without a name that is not told."""
        return "This is here already." if self.name is None else super().message


@dataclass(eq=False)
class LengthMismatch(Refusal):
    """The file has {actual} bytes where {expected} were announced."""

    code = "length_mismatch"
    expected: int
    actual: int


@dataclass(eq=False)
class ContentHashMismatch(Refusal):
    """The file has another content hash than the one announced."""

    code = "content_hash_mismatch"
    expected: str
    actual: str


@dataclass(eq=False)
class TooCostly(Refusal):
    """Reading this file's tags takes more time or memory than a tag may take."""

    code = "too_costly"


@dataclass(eq=False)
class UnknownVerdict(Refusal):
    """Another version of the service rejected this file: {verdict}."""

    code = "unknown_verdict"
    verdict: str


@dataclass(eq=False)
class StorageFull(ServiceError):
    """The disk is full; what is recorded is safe, and the upload goes on when there is room."""

    code = "storage_full"


@dataclass(eq=False)
class StorageError(ServiceError):
    """The disk did not take the bytes; what is recorded is safe."""

    code = "storage_error"


@dataclass(eq=False)
class CatalogueError(ServiceError):
    """The catalogue did not take the record; what was recorded before is safe."""

    code = "catalogue_error"


@dataclass(eq=False)
class MediaError(ServiceError):
    """The media worker failed for a reason that is not the file's."""

    code = "media_error"


@dataclass(eq=False)
class FinalizeFailed(ServiceError):
    """The service failed at this file by a fault of its own; the file is kept, and is tried again at the next start."""

    code = "finalize_failed"


@dataclass(eq=False)
class BeingFinished(ServiceError):
    """The file is being finished just now; nothing was changed. Try again in a moment."""

    code = "being_finished"


@dataclass(eq=False)
class CoversBusy(ServiceError):
    """Too many covers are being received at this moment; send this one again."""

    code = "covers_busy"


@dataclass(eq=False)
class ShuttingDown(ServiceError):
    """The service is shutting down; go on in a moment."""

    code = "shutting_down"


def error_classes(root: type[MediaServiceError] = MediaServiceError) -> list[type[MediaServiceError]]:
    """Every error with a code, in the order of this file."""
    below = root.__subclasses__()
    return [leaf for child in below for leaf in error_classes(child)] if below else [root]


def restore_error(code: str, details: Mapping[str, Any]) -> MediaServiceError:
    """The error that had this code and these fields when it was stored; UnknownVerdict if another version stored it."""
    for leaf in error_classes():
        if leaf.code == code:
            known = {field.name for field in fields(leaf)}  # type: ignore[arg-type]  # every leaf is a dataclass
            try:
                return leaf(**{name: value for name, value in details.items() if name in known})
            except TypeError:
                break
    return UnknownVerdict(code)
