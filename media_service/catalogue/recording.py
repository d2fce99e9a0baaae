"""Record slices: overlap and completion are decided in the transaction that inserts them.

PostgreSQL executes the same statements, for many slices at once (`postgresql/functions.py`).

All statements bind the same values and no constants, so that a request has one set of values. A query that admits the
slice and a plain insert take 20 µs; an insert from that query took 29 µs, because it reads the table that it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, literal_column, or_, select, update

from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert, unindexed
from media_service.catalogue.reads import ONE, ZERO, state_text, stop_before
from media_service.catalogue.rows import slice_row
from media_service.catalogue.tables import slices, uploads
from media_service.catalogue.usage import COUNT_UPLOAD, UNCOUNT_UPLOAD
from media_service.core.upload import Recorded
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement, ColumnElement, Exists, Select

    from media_service.catalogue.change import Rows
    from media_service.core.upload import Slice

_VALUES = {column.name: bindparam(column.name, type_=column.type) for column in slices.columns}
_ID, _START, _STOP, _DIGEST = (_VALUES[name] for name in ("upload_id", "start", "stop", "digest"))
_RECEIVING, _RECEIVED = state_text(State.RECEIVING), state_text(State.RECEIVED)


def _any_slice(*conditions: ColumnElement[bool]) -> Exists:
    return select(slices.c.start).where(slices.c.upload_id == _ID, *conditions).exists()


def _may_be_whole() -> ColumnElement[int]:
    """Return 0 if a byte beside the slice is missing, so that few slices need to be added up."""
    return case(
        (and_(uploads.c.length.is_distinct_from(_STOP), ~_any_slice(slices.c.start == _STOP)), ZERO),
        (func.coalesce(stop_before(_ID, _START), ZERO) != _START, ZERO),
        else_=ONE,
    )


def _admit_slice() -> Select[Any]:
    """Read the version, and whether the upload may be whole; nothing if it does not admit the slice."""
    overlaps_nothing = func.coalesce(stop_before(_ID, _STOP), ZERO) <= _START
    # Two nodes may have received other bytes for one span at once: the second must not be told that its are recorded.
    same_bytes = or_(slices.c.digest.is_(None), _DIGEST.is_(None), slices.c.digest == _DIGEST)
    repeated = _any_slice(slices.c.start == _START, slices.c.stop == _STOP, same_bytes)
    fits = or_(uploads.c.length.is_(None), uploads.c.length >= _STOP), or_(overlaps_nothing, repeated)
    receives = uploads.c.id == _ID, unindexed(uploads.c.state) == _RECEIVING
    return select(uploads.c.version, _may_be_whole()).where(*receives, *fits)


def _admit_last_slice() -> Select[Any]:
    """Read the same for the last slice: nothing if a slice is after it. Its upload may always be whole."""
    admitted = _admit_slice().where(~_any_slice(slices.c.start >= _STOP))
    return admitted.with_only_columns(uploads.c.version, ONE)


def _insert_slice() -> ClauseElement:
    # The same slice again changes nothing. Another one with this start, or another digest, was not admitted.
    return insert(slices).on_conflict_do_nothing(index_elements=["upload_id", "start"])


def _set_length() -> ClauseElement:
    changes = uploads.c.length.is_distinct_from(_STOP)
    values = {"length": _STOP, "charged": _STOP, "version": uploads.c.version + ONE}
    return update(uploads).where(uploads.c.id == _ID, changes).values(values)


def _gap_in(*, after: bool) -> ColumnElement[bool]:
    """Return whether bytes are missing between the slice and the 64 recorded ones after it, or before it."""
    side = slices.c.start >= _START if after else slices.c.start <= _START
    order = slices.c.start if after else slices.c.start.desc()
    near = select(slices.c.start, slices.c.stop).where(slices.c.upload_id == _ID, side).order_by(order)
    each = near.limit(literal_column("64")).offset(ZERO).subquery().c
    missing = func.max(each.stop) - func.min(each.start) - func.sum(each.stop - each.start)
    return select(missing).scalar_subquery() != ZERO


def _whole() -> ColumnElement[bool]:
    """Return whether every byte of the upload is recorded and completion is not deferred.

    Slices never overlap, so their sizes add up to the length. With 16,384 slices in random order, adding up all of them
    whenever both neighbours were recorded took 1.5 ms a slice; with a look for a gap near the slice before, 0.1 ms.
    """
    size = select(func.sum(slices.c.stop - slices.c.start)).where(slices.c.upload_id == _ID).scalar_subquery()
    whole = case((_gap_in(after=True), ZERO), (_gap_in(after=False), ZERO), (size == uploads.c.length, ONE), else_=ZERO)
    return and_(uploads.c.defer_completion == ZERO, whole == ONE)


def _complete() -> ClauseElement:
    received = {"state": _RECEIVED, "updated_at": _VALUES["recorded_at"], "version": uploads.c.version + ONE}
    return update(uploads).where(uploads.c.id == _ID, _whole()).values(received)


def _outcome(whole: ColumnElement[bool]) -> Select[Any]:
    return select(uploads.c.version, whole).where(uploads.c.id == _ID)


ADMIT_SLICE = CompiledStatement(_admit_slice())
ADMIT_LAST_SLICE = CompiledStatement(_admit_last_slice())
INSERT_SLICE = CompiledStatement(_insert_slice())
SET_LENGTH = CompiledStatement(_set_length())
COMPLETE = CompiledStatement(_complete())
COMPLETED = CompiledStatement(_outcome(uploads.c.state == _RECEIVED))
WHOLE = CompiledStatement(_outcome(_whole()))


def record(upload_id: str, piece: Slice, now: int, *, last: bool = False, complete: bool = True) -> Change:
    """Insert a slice; set the length if it is the last one, and complete the upload if it is whole."""
    values = slice_row(upload_id, piece, now)
    # Without comprehensions, which took 0.3 µs each: a receiver does this for each slice.
    statements = [(ADMIT_LAST_SLICE if last else ADMIT_SLICE, values), (INSERT_SLICE, values)]
    if last:
        statements += [(UNCOUNT_UPLOAD, values), (SET_LENGTH, values), (COUNT_UPLOAD, values)]
    further = [(COMPLETE, values), (COMPLETED, values)] if complete else [(WHOLE, values)]
    return Change(statements, guard=0, further=further)


def recorded(rows: Rows) -> Recorded:
    """Return what the change of `record` did."""
    version, whole = rows[-1]
    return Recorded(len(rows) > 1 and bool(whole), version)
