"""How an upload begins and becomes complete."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from media_service.core.chapters import clean_chapters
from media_service.core.concatenation import is_joined
from media_service.core.details import check_details
from media_service.core.edits import _clean_sender, amend
from media_service.core.errors.uploads import BytesMissing
from media_service.core.limits import Limits, check_length
from media_service.core.ranges import Ranges, Span
from media_service.core.tags import clean_tags
from media_service.core.text import clean_line
from media_service.core.upload import Upload
from media_service.core.upload_states import Event, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.core.chapters import Chapter


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for when it creates an upload. `length` in bytes, None when it does not know yet.

    `held_open`, `remembered` and `address` are the upload's.
    """

    filename: str
    length: int | None
    last_modified: int | None = None
    digest: bytes | None = None
    content_hash: bytes | None = None
    sender: str | None = None
    tags: Mapping[str, str] | None = None
    chapters: Sequence[Chapter] = ()
    held_open: bool = False
    remembered: Mapping[str, str] | None = None
    address: str | None = None


def create(wish: Wish, limits: Limits, *, id: str, owner: str, dialect: str, now: int) -> Upload:
    """A new upload, receiving. Raises FileTooLarge, Malformed, DetailsTooLarge."""
    if wish.length is not None:
        check_length(wish.length, limits)
    upload = Upload(
        id=id,
        owner=owner,
        dialect=dialect,
        state=State.RECEIVING,
        filename=clean_line(wish.filename, "filename"),
        length=wish.length,
        created_at=now,
        updated_at=now,
        last_modified=wish.last_modified,
        digest=wish.digest,
        content_hash=wish.content_hash,
        sender=_clean_sender(wish.sender),
        tags=clean_tags(wish.tags or {}),
        chapters=clean_chapters(wish.chapters),
        held_open=wish.held_open,
        remembered=wish.remembered,
        address=wish.address,
    )
    return check_details(upload)


def is_resumable(upload: Upload) -> bool:
    """Whether a client can go on with the upload when the request that began it was cut."""
    return upload.dialect != "form" and not is_joined(upload)


def conclude(upload: Upload, received: Ranges, now: int, limits: Limits) -> Upload:
    """The upload of which the client says that every byte was sent. Raises as `amend` does."""
    concluded = amend(upload, received, now, limits, length=received.offset)
    return replace(concluded, held_open=False)


def is_whole(upload: Upload, received: Ranges) -> bool:
    """Whether every byte of the announced length is recorded, and nobody has still to say so."""
    return upload.length is not None and not upload.held_open and received.covers(Span(0, upload.length))


def complete(upload: Upload, received: Ranges, now: int) -> Upload:
    """The upload with all its bytes, ready to be verified. Raises WrongState, UploadGone, BytesMissing."""
    if upload.state is State.RECEIVING and not is_whole(upload, received):
        raise BytesMissing(received.offset)
    return upload.step(Event.COMPLETE, now)
