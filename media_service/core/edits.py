"""What a client may change about an upload, also after its end: length, sender, e-mail, tags, chapters and cover.

Raise WrongState or UploadGone if the state does not allow it, Malformed or DetailsTooLarge for bad values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from media_service.core.chapters import clean_chapters
from media_service.core.details import check_details
from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import LengthDiffers
from media_service.core.limits import Limits, check_length
from media_service.core.tags import clean_tags
from media_service.core.text import clean_line
from media_service.core.upload_states import FINISHING, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.expiry import Lifetime
    from media_service.core.ranges import Ranges
    from media_service.core.upload import Upload

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def clean_sender(sender: str | None) -> str | None:
    """Return the sender's name as one clean line, None if it is empty."""
    return clean_line(sender, "sender") or None if sender else None


def clean_email(email: str | None) -> str | None:
    """Return an e-mail address, None if it is empty. Raise Malformed for what cannot be one."""
    cleaned = clean_line(email or "", "email")
    if cleaned and not _EMAIL.fullmatch(cleaned):
        raise Malformed("email", "it must be an address such as kim@radio.example")
    return cleaned or None


def amend(
    upload: Upload,
    received: Ranges,
    now: int,
    limits: Limits,
    *,
    tags: Mapping[str, str] | None = None,
    chapters: Sequence[Chapter] | None = None,
    length: int | None = None,
    sender: str | None = None,
    email: str | None = None,
) -> Upload:
    """Return the receiving upload with these details. Raise LengthDiffers, FileTooLarge."""
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    if length is not None and length != upload.length:
        if upload.length is not None:
            raise LengthDiffers(upload.length, length)
        check_length(length, limits)
        if received.next_start(length, -1) != -1 or received.run_from(length) > length:
            raise Malformed("length", "bytes beyond it are recorded")
        upload = replace(upload, length=length)
    return replace(_with_details(upload, tags, chapters, sender, email), updated_at=now)


def editable_until(upload: Upload, lifetime: Lifetime) -> int | None:
    """Return until when a finished file's details may change, in UTC microseconds; None without its own file."""
    if upload.state is not State.SPOOLED or upload.publish_intent is None:
        return None
    return upload.updated_at + lifetime.late_edits


def check_editable(upload: Upload, now: int, lifetime: Lifetime) -> None:
    """Check that the details of a complete upload may still change."""
    if upload.state in FINISHING:
        return
    until = editable_until(upload, lifetime)
    if until is None or now > until:
        raise upload.refusal()


def amend_complete(
    upload: Upload,
    now: int,
    lifetime: Lifetime,
    *,
    tags: Mapping[str, str] | None = None,
    chapters: Sequence[Chapter] | None = None,
    sender: str | None = None,
    email: str | None = None,
) -> Upload:
    """Return the complete upload with these details; `updated_at` stays, because it is when the upload ended."""
    check_editable(upload, now, lifetime)
    return _with_details(upload, tags, chapters, sender, email)


def _with_details(
    upload: Upload,
    tags: Mapping[str, str] | None,
    chapters: Sequence[Chapter] | None,
    sender: str | None,
    email: str | None,
) -> Upload:
    if tags is not None:
        upload = check_details(replace(upload, tags=clean_tags(tags)))
    if chapters is not None:
        duration = None if upload.facts is None else upload.facts.duration
        upload = check_details(replace(upload, chapters=clean_chapters(chapters, duration)))
    if sender is not None:
        upload = replace(upload, sender=clean_sender(sender))
    if email is not None:
        upload = replace(upload, email=clean_email(email))
    return upload


@dataclass(frozen=True, slots=True)
class TagChanges:
    """Tags that a late edit sets in a file, and tags that it removes."""

    given: Mapping[str, str]
    removed: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.given or self.removed)


def tag_changes(before: Upload, after: Upload, file_tags: Mapping[str, str]) -> TagChanges:
    """Return what a sender's edit changes in a file with these tags.

    A tag that an admin edited meanwhile stays unless the sender changed it too. A tag that the sender removes is
    removed from the file if it still has the sender's value.
    """
    old, new = before.tags or {}, after.tags or {}
    given = {key: text for key, text in new.items() if old.get(key) != text}
    removed = frozenset(key for key, text in old.items() if key not in new and file_tags.get(key) == text)
    return TagChanges({key: text for key, text in given.items() if file_tags.get(key) != text}, removed)


def with_cover(upload: Upload, cover: Cover | None, now: int) -> Upload:
    """Return the receiving upload with this cover, or without one."""
    if upload.state is not State.RECEIVING:
        raise upload.refusal()
    return replace(upload, cover=cover, updated_at=now)


def with_late_cover(upload: Upload, cover: Cover | None, now: int, lifetime: Lifetime) -> Upload:
    """Return the complete upload with this cover, or without one."""
    check_editable(upload, now, lifetime)
    return replace(upload, cover=cover)
