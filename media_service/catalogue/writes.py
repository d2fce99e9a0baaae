"""What the writer executes, with its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from media_service.catalogue.json_columns import intent_column
from media_service.catalogue.rows import file_row, loudness_row, slice_row, upload_row
from media_service.catalogue.sql import SQL
from media_service.core.upload_states import ENDED, State

if TYPE_CHECKING:
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.upload import PublishIntent, Slice, Upload

Statement: TypeAlias = tuple[str, dict[str, Any]]
"""SQL with named parameters, and their values."""


def create(upload: Upload) -> list[Statement]:
    """A new upload."""
    return [(SQL["insert_upload"], upload_row(upload))]


def record(upload_id: str, piece: Slice, now: int) -> list[Statement]:
    """A recorded slice."""
    return [(SQL["insert_slice"], slice_row(upload_id, piece, now))]


def save(upload: Upload) -> list[Statement]:
    """The upload as it is now; an ended one forgets its slices, and its cover's picture unless it was rejected.

    It forgets its address as well: that is only needed to count what is open.
    """
    row = upload_row(upload)
    if upload.state in ENDED:
        row["address"] = None
    row["which"] = row.pop("id")
    statements: list[Statement] = [(SQL["update_upload"], row)]
    if upload.state in ENDED:
        statements.append((SQL["delete_slices"], {"which": upload.id}))
    if upload.state in ENDED - {State.REJECTED}:
        statements.append((SQL["delete_cover"], {"which": upload.id}))
    return statements


def save_cover(upload: Upload, picture: bytes | None) -> list[Statement]:
    """The upload as it is now, and its cover's picture; None when it has none."""
    row = {"upload_id": upload.id, "picture": picture}
    gone: Statement = (SQL["delete_cover"], {"which": upload.id})
    return [*save(upload), gone, *([] if picture is None else [(SQL["insert_cover"], row)])]


def forget_cover(upload_id: str) -> list[Statement]:
    """No picture for this upload, unless it is looked at again."""
    return [(SQL["forget_cover"], {"which": upload_id, "state": State.REJECTED.value})]


def deliver(upload: Upload, file: StoredFile) -> list[Statement]:
    """The spooled upload and its file."""
    return [*save(upload), (SQL["insert_file"], file_row(file))]


def begin_session(digest: bytes, created_at: int, expires_at: int) -> list[Statement]:
    """A new session; expired ones are deleted."""
    row = {"digest": digest, "created_at": created_at, "expires_at": expires_at}
    return [(SQL["delete_expired_sessions"], {"now": created_at}), (SQL["insert_session"], row)]


def end_session(digest: bytes) -> list[Statement]:
    """No such session any more."""
    return [(SQL["delete_session"], {"digest": digest})]


def save_loudness(file_id: str, what: LoudnessReport, now: int) -> list[Statement]:
    """What was heard in a file, the first time."""
    return [(SQL["insert_heard"], loudness_row(file_id, what, now))]


def save_retag_intent(file_id: str, plan: PublishIntent | None) -> list[Statement]:
    """What is about to take the file's place."""
    return [(SQL["save_retag_intent"], {"which": file_id, "retagging": None if plan is None else intent_column(plan)})]


def retag(file: StoredFile) -> list[Statement]:
    """The file as it is now."""
    row = file_row(file)
    row["which"] = row.pop("id")
    return [(SQL["update_file"], row)]
