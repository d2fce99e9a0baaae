"""What the writer executes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from media_service.catalogue.compiled import sql_of
from media_service.catalogue.rows import file_row, heard_row, placing_column, slice_row, upload_row
from media_service.catalogue.tables import covers, files, heard, slices, uploads
from media_service.core.upload import ENDED, State

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement

    from media_service.catalogue.compiled import Statement
    from media_service.core.ports import Heard, StoredFile
    from media_service.core.upload import Placing, Slice, Upload


def _every_column(table: Any) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in table.columns}


def _insert_slice() -> ClauseElement:
    """The same slice again is no error; one that begins alike and ends elsewhere breaks NOT NULL."""
    statement = insert(slices).values(_every_column(slices))
    same = case((slices.c.stop == statement.excluded.stop, slices.c.stop), else_=None)
    return statement.on_conflict_do_update(index_elements=["upload_id", "start"], set_={"stop": same})


_INSERT_SLICE = sql_of(_insert_slice())
_INSERT_UPLOAD = sql_of(insert(uploads).values(_every_column(uploads)))
_INSERT_FILE = sql_of(insert(files).values(_every_column(files)))
_UPDATE_UPLOAD = sql_of(
    update(uploads)
    .where(uploads.c.id == bindparam("which"))
    .values({name: value for name, value in _every_column(uploads).items() if name != "id"})
)
_INSERT_HEARD = sql_of(insert(heard).values(_every_column(heard)).on_conflict_do_nothing())
_UPDATE_FILE = sql_of(
    update(files)
    .where(files.c.id == bindparam("which"))
    .values({name: value for name, value in _every_column(files).items() if name != "id"})
)
_PLAN_RETAG = sql_of(
    update(files).where(files.c.id == bindparam("which")).values({"retagging": bindparam("retagging")})
)
_DELETE_SLICES = sql_of(delete(slices).where(slices.c.upload_id == bindparam("which")))
_DELETE_COVER = sql_of(delete(covers).where(covers.c.upload_id == bindparam("which")))
_FORGET_COVER = sql_of(
    delete(covers).where(
        covers.c.upload_id == bindparam("which"),
        select(uploads.c.id).where(uploads.c.id == covers.c.upload_id, uploads.c.state == bindparam("state")).exists(),
    )
)
_INSERT_COVER = sql_of(insert(covers).values(_every_column(covers)))


def create(upload: Upload) -> list[Statement]:
    """A new upload."""
    return [(_INSERT_UPLOAD, upload_row(upload))]


def record(upload_id: str, piece: Slice, now: int) -> list[Statement]:
    """A recorded slice."""
    return [(_INSERT_SLICE, slice_row(upload_id, piece, now))]


def save(upload: Upload) -> list[Statement]:
    """The upload as it is now; an ended one forgets its slices, and its cover's picture unless it was rejected."""
    row = upload_row(upload)
    row["which"] = row.pop("id")
    statements: list[Statement] = [(_UPDATE_UPLOAD, row)]
    if upload.state in ENDED:
        statements.append((_DELETE_SLICES, {"which": upload.id}))
    if upload.state in ENDED - {State.REJECTED}:
        statements.append((_DELETE_COVER, {"which": upload.id}))
    return statements


def save_cover(upload: Upload, picture: bytes | None) -> list[Statement]:
    """The upload as it is now, and its cover's picture; None when it has none."""
    row = {"upload_id": upload.id, "picture": picture}
    gone: Statement = (_DELETE_COVER, {"which": upload.id})
    return [*save(upload), gone, *([] if picture is None else [(_INSERT_COVER, row)])]


def forget_cover(upload_id: str) -> list[Statement]:
    """No picture for this upload, unless it is looked at again."""
    return [(_FORGET_COVER, {"which": upload_id, "state": State.REJECTED.value})]


def deliver(upload: Upload, file: StoredFile) -> list[Statement]:
    """The spooled upload and its file."""
    return [*save(upload), (_INSERT_FILE, file_row(file))]


def save_heard(file_id: str, what: Heard, now: int) -> list[Statement]:
    """What was heard in a file, the first time."""
    return [(_INSERT_HEARD, heard_row(file_id, what, now))]


def plan_retag(file_id: str, plan: Placing | None) -> list[Statement]:
    """What is about to take the file's place."""
    return [(_PLAN_RETAG, {"which": file_id, "retagging": None if plan is None else placing_column(plan)})]


def retag(file: StoredFile) -> list[Statement]:
    """The file as it is now."""
    row = file_row(file)
    row["which"] = row.pop("id")
    return [(_UPDATE_FILE, row)]
