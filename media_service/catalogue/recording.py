"""Record slices: overlap and completion are decided in the transaction that inserts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, literal_column, or_, select, update

from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.reads import stop_before
from media_service.catalogue.rows import slice_row
from media_service.catalogue.sqlite_dialect import insert
from media_service.catalogue.tables import slices, uploads
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, ColumnElement, Exists, Select

    from media_service.core.upload import Slice

_VALUES = {column.name: bindparam(column.name, type_=column.type) for column in slices.columns}
_ID, _START, _STOP = _VALUES["upload_id"], _VALUES["start"], _VALUES["stop"]
# In the text, because binding a value takes longer than using it.
_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
_NEXT_VERSION = uploads.c.version + _ONE
_RECEIVING = and_(uploads.c.id == _ID, uploads.c.state == State.RECEIVING.value)


def _any_slice(*conditions: ColumnElement[bool]) -> Exists:
    return select(slices.c.start).where(slices.c.upload_id == _ID, *conditions).exists()


def _insert_slice(*, last: bool) -> ClauseElement:
    """Insert the slice if the upload admits it. The same slice again affects its row, so that it is not refused."""
    overlaps_nothing = func.coalesce(stop_before(_ID, _STOP), _ZERO) <= _START
    repeated = _any_slice(slices.c.start == _START, slices.c.stop == _STOP)
    fits = and_(or_(uploads.c.length.is_(None), uploads.c.length >= _STOP), or_(overlaps_nothing, repeated))
    if last:
        fits = and_(fits, ~_any_slice(slices.c.start >= _STOP))
    admitted = select(*_VALUES.values()).select_from(uploads).where(_RECEIVING, fits)
    statement = insert(slices).from_select([*_VALUES], admitted)
    same_stop = {"stop": statement.excluded.stop}
    return statement.on_conflict_do_update(index_elements=["upload_id", "start"], set_=same_stop)


def _whole() -> ColumnElement[int]:
    """Return 1 if every byte of the upload is recorded and completion is not deferred, else 0.

    Adding up all slices takes milliseconds with 100,000 of them: only if both neighbours are there can it be whole.
    """
    size = select(func.sum(slices.c.stop - slices.c.start)).where(slices.c.upload_id == _ID).scalar_subquery()
    return case(
        (or_(uploads.c.length.is_(None), uploads.c.defer_completion != _ZERO), _ZERO),
        (func.coalesce(stop_before(_ID, _START), _ZERO) != _START, _ZERO),
        (and_(uploads.c.length != _STOP, ~_any_slice(slices.c.start == _STOP)), _ZERO),
        (size == uploads.c.length, _ONE),
        else_=_ZERO,
    )


def _complete() -> ClauseElement:
    received = {"state": State.RECEIVED.value, "updated_at": _VALUES["recorded_at"], "version": _NEXT_VERSION}
    return update(uploads).where(_RECEIVING, _whole() == _ONE).values(received)


def _set_length() -> ClauseElement:
    changes = uploads.c.length.is_distinct_from(_STOP)
    return update(uploads).where(_RECEIVING, changes).values(length=_STOP, version=_NEXT_VERSION)


def _outcome(whole: ColumnElement[Any]) -> Select[Any]:
    return select(whole, uploads.c.version).where(uploads.c.id == _ID)


_INSERT_SLICE = CompiledStatement(_insert_slice(last=False))
_INSERT_LAST_SLICE = CompiledStatement(_insert_slice(last=True))
_SET_LENGTH = CompiledStatement(_set_length())
_COMPLETE = CompiledStatement(_complete())
_WHOLE = CompiledStatement(_outcome(_whole()))
_COMPLETED = CompiledStatement(_outcome(uploads.c.state == State.RECEIVED.value))


def record(upload_id: str, piece: Slice, now: int, *, last: bool = False, complete: bool = True) -> Change:
    """Insert a slice; set the length if it is the last one, and complete the upload. Read whether it is whole."""
    values = slice_row(upload_id, piece, now)
    statements = [(_INSERT_LAST_SLICE if last else _INSERT_SLICE).bind(values)]
    if last:
        statements.append(_SET_LENGTH.bind(values))
    statements += [_COMPLETE.bind(values), _COMPLETED.bind(values)] if complete else [_WHOLE.bind(values)]
    return Change(statements, guard=0)
