"""Count uploads and files in the rows of `usage`, in the transactions that change them.

What an upload or a file counts for is defined once, in `_of_uploads` and `_of_files`. Whatever changes one of their
columns (state, charged, account, collection, size, place) executes `uncount_…` before that and `count_…` after it, so
no statement needs to know what the row had before. `usage_check.py` adds up the same definitions over all rows.

On an engine that locks rows, the upload or file is locked before it is subtracted, else two changes could subtract the
same. Of the rows of usage, the service's is always locked first: two transactions never wait for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, select, union_all

from media_service.catalogue.coercion import integer
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert, total
from media_service.catalogue.reads import ONE, ZERO, state_text
from media_service.catalogue.tables import files, uploads, usage
from media_service.core.places import COUNTED
from media_service.core.quota import COLLECTION_USAGE_PREFIX, SERVICE_USAGE
from media_service.core.upload_states import FINISHING, State
from media_service.core.usage import Usage

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, ColumnElement, CompoundSelect, Select

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Row

OPEN = (State.RECEIVING, *sorted(FINISHING))
"""States of uploads that count for their owner."""

SERVICE: ColumnElement[str] = literal_column(f"'{SERVICE_USAGE}'")
_PREFIX: ColumnElement[str] = literal_column(f"'{COLLECTION_USAGE_PREFIX}'")
_MINUS_ONE: ColumnElement[int] = literal_column("-1")
COUNTS = ("files", "bytes", "reserved_files", "reserved_bytes")


def _of_uploads(sign: ColumnElement[int], *which: ColumnElement[bool]) -> list[Select[Any]]:
    """Select what uploads count for: those that have something reserved, also in quarantine, but there not the owner.

    The owner cannot delete what is in quarantine, so it must not use up their quota.
    """
    is_open = uploads.c.state.in_([state_text(state) for state in OPEN])
    counted = ZERO, ZERO, sign, uploads.c.charged * sign
    reserves = uploads.c.charged > ZERO, *which
    return [
        select(SERVICE.label("id"), *_named(counted)).where(*reserves),
        select(_PREFIX + uploads.c.collection, *counted).where(uploads.c.collection.is_not(None), *reserves),
        select(uploads.c.account, *counted).where(uploads.c.account.is_not(None), is_open, *reserves),
    ]


def _of_files(sign: ColumnElement[int], *which: ColumnElement[bool]) -> list[Select[Any]]:
    """Select what finished files count for: those that have bytes, in the spool or in the trash."""
    which = (files.c.place.in_([literal_column(f"'{place.value}'") for place in sorted(COUNTED)]), *which)
    counted = sign, files.c.size * sign, ZERO, ZERO
    return [
        select(SERVICE.label("id"), *_named(counted)).where(*which),
        select(_PREFIX + files.c.collection, *counted).where(files.c.collection.is_not(None), *which),
        select(files.c.account, *counted).where(files.c.account.is_not(None), *which),
    ]


def _named(counted: tuple[ColumnElement[int], ...]) -> list[ColumnElement[int]]:
    return [column.label(name) for column, name in zip(counted, COUNTS, strict=True)]


def _add(parts: list[Select[Any]]) -> ClauseElement:
    """Add to the rows of usage, and insert missing ones."""
    statement = insert(usage).from_select(["id", *COUNTS], union_all(*parts))
    sums = {name: usage.c[name] + statement.excluded[name] for name in COUNTS}
    return statement.on_conflict_do_update(index_elements=["id"], set_=sums)


def recount() -> Select[Any]:
    """Select what the rows of usage must have."""
    counted: CompoundSelect[Any] = union_all(*_of_uploads(ONE), *_of_files(ONE))
    each = counted.subquery("counted").c
    sums = (total(each[name]).label(name) for name in COUNTS)
    return select(each.id, *sums).group_by(each.id)


_UPLOAD = uploads.c.id == bindparam("upload_id")
_FILE = files.c.id == bindparam("file_id")

_LOCK_UPLOAD = CompiledStatement(select(uploads.c.id).where(_UPLOAD).with_for_update())
_LOCK_FILE = CompiledStatement(select(files.c.id).where(_FILE).with_for_update())
COUNT_UPLOAD = CompiledStatement(_add(_of_uploads(ONE, _UPLOAD)))
UNCOUNT_UPLOAD = CompiledStatement(_add(_of_uploads(_MINUS_ONE, _UPLOAD)))
_COUNT_FILE = CompiledStatement(_add(_of_files(ONE, _FILE)))
_UNCOUNT_FILE = CompiledStatement(_add(_of_files(_MINUS_ONE, _FILE)))


def usage_value(row: Row) -> Usage:
    """Return the usage of a row; nothing if it has none."""
    return Usage(**{name: integer(row[name]) or 0 for name in COUNTS})


def lock_upload(upload_id: str) -> Statement:
    """Lock the upload, for `Change.locks`."""
    return _LOCK_UPLOAD.bind({"upload_id": upload_id})


def lock_file(file_id: str) -> Statement:
    """Lock the file, for `Change.locks`."""
    return _LOCK_FILE.bind({"file_id": file_id})


def count_upload(upload_id: str) -> Statement:
    """Add the upload to what it counts for."""
    return COUNT_UPLOAD.bind({"upload_id": upload_id})


def uncount_upload(upload_id: str) -> Statement:
    """Subtract the upload from what it counts for."""
    return UNCOUNT_UPLOAD.bind({"upload_id": upload_id})


def count_file(file_id: str) -> Statement:
    """Add the file to what it counts for."""
    return _COUNT_FILE.bind({"file_id": file_id})


def uncount_file(file_id: str) -> Statement:
    """Subtract the file from what it counts for."""
    return _UNCOUNT_FILE.bind({"file_id": file_id})
