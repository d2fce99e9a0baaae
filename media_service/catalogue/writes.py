"""Write uploads and files. Each function returns one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, func, select, update

from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert
from media_service.catalogue.file_listing import list_again, list_new
from media_service.catalogue.json_columns import intent_column
from media_service.catalogue.reads import ONE, ZERO, last_stop, state_text
from media_service.catalogue.rows import PLACE_COLUMNS, file_row, loudness_row, upload_row
from media_service.catalogue.tables import covers, files, loudness, slices, uploads
from media_service.catalogue.usage import count_file, count_upload, lock_file, lock_upload, uncount_file, uncount_upload
from media_service.core.upload_states import ENDED, GONE, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ClauseElement, ColumnElement, Select

    from media_service.catalogue.compiled import Statement
    from media_service.core.files import LoudnessReport, StoredFile
    from media_service.core.upload import PublishIntent, Upload

_LENGTH = bindparam("length", type_=uploads.c.length.type)
_STATE = bindparam("state", type_=uploads.c.state.type)


def _admit_update() -> Select[Any]:
    """Select a row that has the version of the upload, which was changed from it.

    Recording changes no version, so the length that a receiving upload gets is compared with its slices too.
    """
    same = uploads.c.id == bindparam("upload_id"), uploads.c.version == bindparam("version")
    beyond = func.coalesce(last_stop(bindparam("upload_id")), ZERO) > _LENGTH
    too_short = and_(state_text(State.RECEIVING) == _STATE, _LENGTH.is_not(None), beyond)
    return select(uploads.c.version).where(*same, ~too_short)


def _update_upload() -> ClauseElement:
    columns: dict[str, Any] = {column.name: bindparam(column.name) for column in uploads.columns if column.name != "id"}
    changes = columns | {"version": uploads.c.version + ONE, "charged": _charged()}
    return update(uploads).where(uploads.c.id == bindparam("upload_id")).values(changes)


def _charged() -> ColumnElement[int]:
    """Return what the changed upload has reserved: its length, once it is known, and nothing after its end.

    Of a rejected one what is in quarantine: if not all of it came, its recorded bytes.
    """
    recorded = select(func.sum(slices.c.stop - slices.c.start)).where(slices.c.upload_id == uploads.c.id)
    return case(
        (_STATE.in_([state_text(state) for state in (State.SPOOLED, *sorted(GONE))]), ZERO),
        (state_text(State.REJECTED) != _STATE, func.coalesce(_LENGTH, uploads.c.charged)),
        (uploads.c.state == state_text(State.RECEIVING), func.coalesce(recorded.scalar_subquery(), ZERO)),
        else_=uploads.c.charged,
    )


def _update_file() -> ClauseElement:
    # A file moves by statements of its own: what an edit has read of its place may be old.
    others = {"id", "moving", *PLACE_COLUMNS}
    columns: dict[str, Any] = {
        column.name: bindparam(column.name) for column in files.columns if column.name not in others
    }
    return update(files).where(files.c.id == bindparam("row_id")).values(columns)


_IS_REJECTED = uploads.c.id == bindparam("upload_id"), uploads.c.state == state_text(State.REJECTED)

_ADMIT_UPDATE = CompiledStatement(_admit_update())
_UPDATE_UPLOAD = CompiledStatement(_update_upload())
_DELETE_SLICES = CompiledStatement(delete(slices).where(slices.c.upload_id == bindparam("upload_id")))
_INSERT_COVER = CompiledStatement(insert(covers))
_DELETE_COVER = CompiledStatement(delete(covers).where(covers.c.upload_id == bindparam("upload_id")))
_LOCK_REJECTED = CompiledStatement(select(uploads.c.id).where(*_IS_REJECTED).with_for_update())
_CHARGE_NOTHING = CompiledStatement(update(uploads).where(*_IS_REJECTED).values(charged=0))
_INSERT_FILE = CompiledStatement(insert(files))
_UPDATE_FILE = CompiledStatement(_update_file())
_SET_RETAG_INTENT = CompiledStatement(
    update(files).where(files.c.id == bindparam("file_id")).values(retag_intent=bindparam("retag_intent"))
)
_SET_HAS_COVER = CompiledStatement(
    update(files)
    .where(files.c.id == bindparam("file_id"), files.c.spooled_sha256 == bindparam("sha256"))
    .values(has_cover=bindparam("has_cover"))
)
_INSERT_LOUDNESS = CompiledStatement(insert(loudness).on_conflict_do_nothing())


def save(upload: Upload, *more: Statement, locks: Sequence[Statement] = ()) -> Change:
    """Update an upload and what it counts for, and execute what follows from it.

    If it has ended, delete its slices, its address and, unless it was rejected, its cover.
    """
    row, own, ends = upload_row(upload), {"upload_id": upload.id}, upload.state in ENDED
    row |= own | ({"address": None} if ends else {})
    statements = [_ADMIT_UPDATE.bind(row), uncount_upload(upload.id), _UPDATE_UPLOAD.bind(row)]
    if not ends or upload.state is State.REJECTED:
        statements.append(count_upload(upload.id))
    if ends:
        statements.append(_DELETE_SLICES.bind(own))
        statements += [] if upload.state is State.REJECTED else [_DELETE_COVER.bind(own)]
    return Change([*statements, *more], guard=0, ends_upload=ends, locks=[lock_upload(upload.id), *locks])


def save_cover(upload: Upload, picture: bytes | None) -> Change:
    """Update an upload and replace the picture of its cover; None removes it."""
    statements = [_DELETE_COVER.bind({"upload_id": upload.id})]
    if picture is not None:
        statements.append(_INSERT_COVER.bind({"upload_id": upload.id, "picture": picture}))
    return save(upload, *statements)


def forget_rejected(upload_id: str) -> Change:
    """Delete what is kept of a rejected upload, unless an admin has it rechecked: then it is no longer rejected."""
    own = {"upload_id": upload_id}
    forgetting = [uncount_upload(upload_id), _CHARGE_NOTHING.bind(own), _DELETE_COVER.bind(own)]
    return Change([_LOCK_REJECTED.bind(own), *forgetting], guard=0)


def deliver(upload: Upload, file: StoredFile) -> Change:
    """Update a spooled upload and insert its file."""
    inserting = [_INSERT_FILE.bind(file_row(file)), *list_new(file), count_file(file.id)]
    return save(upload, *inserting)


def save_loudness(file_id: str, report: LoudnessReport, now: int) -> Change:
    """Insert the loudness of a file, unless it is there."""
    return Change([_INSERT_LOUDNESS.bind(loudness_row(file_id, report, now))])


def set_has_cover(file: StoredFile) -> Change:
    """Set whether the file has a cover, if it has the same bytes still."""
    same = {"file_id": file.id, "sha256": file.spool_entry.sha256}
    return Change([_SET_HAS_COVER.bind(same | {"has_cover": file_row(file)["has_cover"]})])


def set_retag_intent(file_id: str, intent: PublishIntent | None) -> Change:
    """Set or clear what is about to replace the file."""
    stored = None if intent is None else intent_column(intent)
    return Change([_SET_RETAG_INTENT.bind({"file_id": file_id, "retag_intent": stored})])


def retag(file: StoredFile, upload: Upload | None = None) -> Change:
    """Update a file and what it counts for, and clear its intent; update its upload if given."""
    row = file_row(file)
    row["row_id"] = row.pop("id")
    updating = [uncount_file(file.id), _UPDATE_FILE.bind(row), count_file(file.id)]
    statements = [*updating, *list_again(file)]
    locks = [lock_file(file.id)]
    return Change(statements, locks=locks) if upload is None else save(upload, *statements, locks=locks)
