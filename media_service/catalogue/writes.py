"""Write uploads and files. Each function returns one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, select, update

from media_service.catalogue import reads
from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.json_columns import intent_column
from media_service.catalogue.rows import file_row, listed_row, loudness_row, upload_row
from media_service.catalogue.sqlite_dialect import insert
from media_service.catalogue.sqlite_grams import grams_column, save_grams
from media_service.catalogue.tables import covers, files, listed_files, loudness, slices, uploads
from media_service.catalogue.text_index import grams_of_text
from media_service.core.upload_states import ENDED, State

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement

    from media_service.catalogue.compiled import Statement
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.quota import Quota
    from media_service.core.upload import PublishIntent, Upload

NO_LIMIT = 2**62  # more than any quota, and two of them can be added


_UPLOAD_COLUMNS = [column for column in uploads.columns if column is not uploads.c.charged]


def _insert_upload() -> ClauseElement:
    return insert(uploads).values({column.name: bindparam(column.name) for column in _UPLOAD_COLUMNS})


def _insert_within_quota() -> ClauseElement:
    """Insert an upload if its address has fewer uploads and bytes than the quota, as `Quota` decides."""
    columns = [bindparam(column.name, type_=column.type) for column in _UPLOAD_COLUMNS]
    used = reads.usage_of(bindparam("address")).subquery("used")
    needed = used.c.bytes + func.coalesce(bindparam("length"), 0)
    admitted = used.c.uploads < bindparam("most_uploads"), needed <= bindparam("most_bytes")
    row = select(*columns).select_from(used).where(*admitted)
    return insert(uploads).from_select([column.name for column in _UPLOAD_COLUMNS], row)


def _update_upload() -> ClauseElement:
    """Update a row that has the version of the upload, which was changed from it.

    Recording changes no version, so the length that a receiving upload gets is compared with its slices too.
    """
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in _UPLOAD_COLUMNS if column.name != "id"}
    same = uploads.c.id == bindparam("row_id"), uploads.c.version == bindparam("version")
    length = bindparam("length", type_=uploads.c.length.type)
    beyond = func.coalesce(reads.last_stop(bindparam("row_id")), 0) > length
    too_short = and_(bindparam("state") == State.RECEIVING.value, length.is_not(None), beyond)
    return update(uploads).where(*same, ~too_short).values(columns | {"version": uploads.c.version + 1})


def _update_file() -> ClauseElement:
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in files.columns if column.name != "id"}
    return update(files).where(files.c.id == bindparam("row_id")).values(columns)


def _listed_columns() -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in listed_files.columns if column.name != "number"}


def _update_listed() -> ClauseElement:
    columns = _listed_columns()
    return update(listed_files).where(listed_files.c.file_id == columns.pop("file_id")).values(columns)


_REJECTED = select(uploads.c.id).where(uploads.c.id == covers.c.upload_id, uploads.c.state == State.REJECTED.value)

_INSERT_UPLOAD = CompiledStatement(_insert_upload())
_INSERT_WITHIN_QUOTA = CompiledStatement(_insert_within_quota())
_UPDATE_UPLOAD = CompiledStatement(_update_upload())
_DELETE_SLICES = CompiledStatement(delete(slices).where(slices.c.upload_id == bindparam("upload_id")))
_INSERT_COVER = CompiledStatement(insert(covers))
_DELETE_COVER = CompiledStatement(delete(covers).where(covers.c.upload_id == bindparam("upload_id")))
_DELETE_REJECTED_COVER = CompiledStatement(
    delete(covers).where(covers.c.upload_id == bindparam("upload_id"), _REJECTED.exists())
)
_INSERT_FILE = CompiledStatement(insert(files))
_UPDATE_FILE = CompiledStatement(_update_file())
_INSERT_LISTED = CompiledStatement(insert(listed_files).values(_listed_columns()))
_UPDATE_LISTED = CompiledStatement(_update_listed())
_SAVE_GRAMS = CompiledStatement(save_grams())
_SET_RETAG_INTENT = CompiledStatement(
    update(files).where(files.c.id == bindparam("file_id")).values(retag_intent=bindparam("retag_intent"))
)
_INSERT_LOUDNESS = CompiledStatement(insert(loudness).on_conflict_do_nothing())


def create(upload: Upload, quota: Quota | None = None) -> Change:
    """Insert an upload. With a quota, read what its address has open, and insert only within it."""
    row = upload_row(upload)
    if quota is None or upload.address is None:
        return Change([_INSERT_UPLOAD.bind(row)])
    row["most_uploads"] = NO_LIMIT if quota.uploads is None else quota.uploads
    row["most_bytes"] = NO_LIMIT if quota.bytes is None else quota.bytes
    return Change([reads.usage(upload.address), _INSERT_WITHIN_QUOTA.bind(row)], guard=1)


def save(upload: Upload, *more: Statement) -> Change:
    """Update an upload, and execute what follows from it.

    If it has ended, delete its slices, its address and, unless it was rejected, its cover.
    """
    row = upload_row(upload)
    row["row_id"] = row.pop("id")
    if upload.state not in ENDED:
        return Change([_UPDATE_UPLOAD.bind(row), *more], guard=0)
    statements = [_UPDATE_UPLOAD.bind(row | {"address": None}), _DELETE_SLICES.bind({"upload_id": upload.id})]
    if upload.state is not State.REJECTED:
        statements.append(_DELETE_COVER.bind({"upload_id": upload.id}))
    return Change([*statements, *more], guard=0, ends_upload=True)


def save_cover(upload: Upload, picture: bytes | None) -> Change:
    """Update an upload and replace the picture of its cover; None removes it."""
    statements = [_DELETE_COVER.bind({"upload_id": upload.id})]
    if picture is not None:
        statements.append(_INSERT_COVER.bind({"upload_id": upload.id, "picture": picture}))
    return save(upload, *statements)


def forget_cover(upload_id: str) -> Change:
    """Delete the picture of an upload's cover, unless an admin has it rechecked: then it is no longer rejected."""
    return Change([_DELETE_REJECTED_COVER.bind({"upload_id": upload_id})])


def deliver(upload: Upload, file: StoredFile) -> Change:
    """Update a spooled upload and insert its file."""
    return save(upload, _INSERT_FILE.bind(file_row(file)), *_list_file(_INSERT_LISTED, file))


def save_loudness(file_id: str, report: LoudnessReport, now: int) -> Change:
    """Insert the loudness of a file, unless it is there."""
    return Change([_INSERT_LOUDNESS.bind(loudness_row(file_id, report, now))])


def set_retag_intent(file_id: str, intent: PublishIntent | None) -> Change:
    """Set or clear what is about to replace the file."""
    stored = None if intent is None else intent_column(intent)
    return Change([_SET_RETAG_INTENT.bind({"file_id": file_id, "retag_intent": stored})])


def retag(file: StoredFile, upload: Upload | None = None) -> Change:
    """Update a file and clear its intent; update its upload if given."""
    row = file_row(file)
    row["row_id"] = row.pop("id")
    statements = [_UPDATE_FILE.bind(row), *_list_file(_UPDATE_LISTED, file)]
    return Change(statements) if upload is None else save(upload, *statements)


def list_again(file: StoredFile, sender: str | None) -> list[Statement]:
    """Return the statements by which searches find a file under another sender."""
    return _list_file(_UPDATE_LISTED, replace(file, sender=sender))


def _list_file(statement: CompiledStatement, file: StoredFile) -> list[Statement]:
    row = listed_row(file)
    grams = grams_column(grams_of_text(row["text"]))
    return [statement.bind(row), _SAVE_GRAMS.bind({"file_id": file.id, "grams": grams})]
