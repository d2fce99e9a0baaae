"""How an upload begins and becomes complete."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING

from media_service.core.access import LOCAL_ORIGIN, Origin
from media_service.core.chapters import clean_chapters
from media_service.core.concatenation import is_concatenated
from media_service.core.details import check_details
from media_service.core.edits import amend, clean_email, clean_sender
from media_service.core.errors.uploads import BytesMissing
from media_service.core.limits import Limits, check_length
from media_service.core.ranges import Ranges, Span
from media_service.core.tags import clean_tags
from media_service.core.text import clean_line
from media_service.core.upload import Upload
from media_service.core.upload_states import Event, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.core.access import Origin
from media_service.core.chapters import Chapter


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a client asks for when it creates an upload. `length` in bytes, None if unknown."""

    filename: str
    length: int | None
    _: KW_ONLY
    last_modified: int | None = None
    digest: bytes | None = None
    content_hash: bytes | None = None
    sender: str | None = None
    tags: Mapping[str, str] | None = None
    chapters: Sequence[Chapter] = ()
    defer_completion: bool = False
    protocol_fields: Mapping[str, str] | None = None
    email: str | None = None
    origin: Origin = LOCAL_ORIGIN


def create(request: UploadRequest, limits: Limits, *, id: str, dialect: str, now: int) -> Upload:
    """Return a new receiving upload. Raise FileTooLarge, Malformed, DetailsTooLarge."""
    if request.length is not None:
        check_length(request.length, limits)
    upload = Upload(
        id=id,
        owner=request.origin.owner,
        dialect=dialect,
        state=State.RECEIVING,
        filename=clean_line(request.filename, "filename"),
        length=request.length,
        created_at=now,
        updated_at=now,
        last_modified=request.last_modified,
        digest=request.digest,
        content_hash=request.content_hash,
        sender=clean_sender(request.sender),
        tags=clean_tags(request.tags or {}),
        chapters=clean_chapters(request.chapters),
        defer_completion=request.defer_completion,
        protocol_fields=request.protocol_fields,
        address=request.origin.address,
        account=request.origin.account,
        collection=request.origin.collection,
        email=clean_email(request.email),
    )
    return check_details(upload)


def is_resumable(upload: Upload) -> bool:
    """Return whether a client can continue the upload after the request that created it was cut."""
    return upload.dialect != "form" and not is_concatenated(upload)


def conclude(upload: Upload, received: Ranges, now: int, limits: Limits) -> Upload:
    """Return the upload after its client said that all bytes were sent. Raise as `amend`."""
    concluded = amend(upload, received, now, limits, length=received.offset)
    return replace(concluded, defer_completion=False)


def is_complete(upload: Upload, received: Ranges) -> bool:
    """Return whether every byte of the announced length is recorded, and completion is not deferred."""
    return upload.length is not None and not upload.defer_completion and received.covers(Span(0, upload.length))


def complete(upload: Upload, received: Ranges, now: int) -> Upload:
    """Return the upload as received, ready to be verified. Raise WrongState, UploadGone, BytesMissing."""
    if upload.state is State.RECEIVING and not is_complete(upload, received):
        raise BytesMissing(received.offset)
    return upload.step(Event.COMPLETE, now)
