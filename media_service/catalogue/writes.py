"""Write uploads, files and sessions. Each function returns the statements of one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, select, update

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.json_columns import intent_column
from media_service.catalogue.rows import file_row, listed_row, loudness_row, slice_row, upload_row
from media_service.catalogue.sqlite_dialect import insert
from media_service.catalogue.sqlite_grams import grams_column, save_grams
from media_service.catalogue.tables import covers, files, listed_files, loudness, sessions, slices, uploads
from media_service.catalogue.text_index import grams_of_text
from media_service.core.upload_states import ENDED, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ClauseElement, Table

    from media_service.catalogue.compiled import Statement
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.upload import PublishIntent, Slice, Upload


def _update_row(table: Table) -> ClauseElement:
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns if column.name != "id"}
    return update(table).where(table.c.id == bindparam("row_id")).values(columns)


def _listed_columns() -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in listed_files.columns if column.name != "number"}


def _update_listed() -> ClauseElement:
    columns = _listed_columns()
    return update(listed_files).where(listed_files.c.file_id == columns.pop("file_id")).values(columns)


def _upsert_slice() -> ClauseElement:
    """Accept the same slice again; another one with this start fails, because `stop` becomes NULL."""
    statement = insert(slices)
    same = case((slices.c.stop == statement.excluded.stop, slices.c.stop), else_=None)
    return statement.on_conflict_do_update(index_elements=["upload_id", "start"], set_={"stop": same})


_REJECTED = select(uploads.c.id).where(uploads.c.id == covers.c.upload_id, uploads.c.state == State.REJECTED.value)

_INSERT_UPLOAD = CompiledStatement(insert(uploads))
_UPDATE_UPLOAD = CompiledStatement(_update_row(uploads))
_UPSERT_SLICE = CompiledStatement(_upsert_slice())
_DELETE_SLICES = CompiledStatement(delete(slices).where(slices.c.upload_id == bindparam("upload_id")))
_INSERT_COVER = CompiledStatement(insert(covers))
_DELETE_COVER = CompiledStatement(delete(covers).where(covers.c.upload_id == bindparam("upload_id")))
_DELETE_REJECTED_COVER = CompiledStatement(
    delete(covers).where(covers.c.upload_id == bindparam("upload_id"), _REJECTED.exists())
)
_INSERT_FILE = CompiledStatement(insert(files))
_UPDATE_FILE = CompiledStatement(_update_row(files))
_INSERT_LISTED = CompiledStatement(insert(listed_files).values(_listed_columns()))
_UPDATE_LISTED = CompiledStatement(_update_listed())
_SAVE_GRAMS = CompiledStatement(save_grams())
_SET_RETAG_INTENT = CompiledStatement(
    update(files).where(files.c.id == bindparam("file_id")).values(retag_intent=bindparam("retag_intent"))
)
_INSERT_LOUDNESS = CompiledStatement(insert(loudness).on_conflict_do_nothing())
_INSERT_SESSION = CompiledStatement(insert(sessions))
_DELETE_SESSION = CompiledStatement(delete(sessions).where(sessions.c.digest == bindparam("digest")))
_DELETE_EXPIRED_SESSIONS = CompiledStatement(delete(sessions).where(sessions.c.expires_at <= bindparam("now")))


def create(upload: Upload) -> list[Statement]:
    """Insert an upload."""
    return [_INSERT_UPLOAD.bind(upload_row(upload))]


def record(upload_id: str, piece: Slice, now: int) -> list[Statement]:
    """Insert a slice, unless it is there."""
    return [_UPSERT_SLICE.bind(slice_row(upload_id, piece, now))]


def save(upload: Upload) -> list[Statement]:
    """Update an upload. If it has ended, delete its slices, its address and, unless it was rejected, its cover."""
    row = upload_row(upload)
    row["row_id"] = row.pop("id")
    if upload.state not in ENDED:
        return [_UPDATE_UPLOAD.bind(row)]
    statements = [_UPDATE_UPLOAD.bind(row | {"address": None}), _DELETE_SLICES.bind({"upload_id": upload.id})]
    if upload.state is not State.REJECTED:
        statements.append(_DELETE_COVER.bind({"upload_id": upload.id}))
    return statements


def ends_upload(statements: Iterable[Statement]) -> bool:
    """Return whether the change ends an upload, which frees more space than it takes."""
    return _DELETE_SLICES.text in [text for text, _ in statements]


def save_cover(upload: Upload, picture: bytes | None) -> list[Statement]:
    """Update an upload and replace the picture of its cover; None removes it."""
    statements = [*save(upload), _DELETE_COVER.bind({"upload_id": upload.id})]
    if picture is not None:
        statements.append(_INSERT_COVER.bind({"upload_id": upload.id, "picture": picture}))
    return statements


def forget_cover(upload_id: str) -> list[Statement]:
    """Delete the picture of an upload's cover, unless an admin has it rechecked: then it is no longer rejected."""
    return [_DELETE_REJECTED_COVER.bind({"upload_id": upload_id})]


def deliver(upload: Upload, file: StoredFile) -> list[Statement]:
    """Update a spooled upload and insert its file."""
    return [*save(upload), _INSERT_FILE.bind(file_row(file)), *_list_file(_INSERT_LISTED, file)]


def begin_session(digest: bytes, created_at: int, expires_at: int) -> list[Statement]:
    """Insert a session and delete those that have expired."""
    return [
        _DELETE_EXPIRED_SESSIONS.bind({"now": created_at}),
        _INSERT_SESSION.bind({"digest": digest, "created_at": created_at, "expires_at": expires_at}),
    ]


def end_session(digest: bytes) -> list[Statement]:
    """Delete a session."""
    return [_DELETE_SESSION.bind({"digest": digest})]


def save_loudness(file_id: str, report: LoudnessReport, now: int) -> list[Statement]:
    """Insert the loudness of a file, unless it is there."""
    return [_INSERT_LOUDNESS.bind(loudness_row(file_id, report, now))]


def set_retag_intent(file_id: str, intent: PublishIntent | None) -> list[Statement]:
    """Set or clear what is about to replace the file."""
    stored = None if intent is None else intent_column(intent)
    return [_SET_RETAG_INTENT.bind({"file_id": file_id, "retag_intent": stored})]


def retag(file: StoredFile) -> list[Statement]:
    """Update a file and clear its intent."""
    row = file_row(file)
    row["row_id"] = row.pop("id")
    return [_UPDATE_FILE.bind(row), *_list_file(_UPDATE_LISTED, file)]


def _list_file(statement: CompiledStatement, file: StoredFile) -> list[Statement]:
    row = listed_row(file)
    grams = grams_column(grams_of_text(row["text"]))
    return [statement.bind(row), _SAVE_GRAMS.bind({"file_id": file.id, "grams": grams})]
