"""Decide which uploads are parts, and when they may be concatenated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.requests import Malformed
from media_service.core.errors.uploads import BytesMissing
from media_service.core.limits import Limits, check_length
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from media_service.core.upload import Upload

CONCAT, PARTIAL, FINAL = "concat", "partial", "final;"
"""Key of the protocol field, and its values: a part, or the prefix before the list of parts."""

MAX_PARTS = 64


def is_concatenated(upload: Upload) -> bool:
    """Return whether the upload's bytes come from other uploads."""
    return (upload.protocol_fields or {}).get(CONCAT, "").startswith(FINAL)


def is_part(upload: Upload) -> bool:
    """Return whether the upload is a part, which never becomes complete by itself."""
    return (upload.protocol_fields or {}).get(CONCAT) == PARTIAL


def check_part_names(parts: Sequence[str]) -> None:
    """Raise Malformed for a part that is listed twice, or for too many parts."""
    if len(parts) > MAX_PARTS:
        raise Malformed(CONCAT, f"it may list up to {MAX_PARTS} parts")
    if len(set(parts)) < len(parts):
        raise Malformed(CONCAT, "it lists a part twice")


def check_parts(parts: Iterable[tuple[Upload, Ranges]], limits: Limits) -> int:
    """Return the sum of the lengths. Raise Malformed, BytesMissing, WrongState, UploadGone, FileTooLarge."""
    length = 0
    for upload, received in parts:
        if upload.state is not State.RECEIVING:
            raise upload.refusal()
        if not is_part(upload) or upload.length is None:
            raise Malformed(CONCAT, "it names an upload that is not a part with a length")
        if not received.covers(Span(0, upload.length)):
            raise BytesMissing(received.offset)
        length += upload.length
    check_length(length, limits)
    return length
