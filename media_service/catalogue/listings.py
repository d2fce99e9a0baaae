"""Read pages of uploads by keyset pagination. Each form of a statement is compiled at its first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, null, select, true, tuple_, union, union_all

from media_service.catalogue.compiled import CompiledStatement, Statement, compiled
from media_service.catalogue.constructs import unindexed
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.reads import LAST_RECORDED
from media_service.catalogue.tables import slices, uploads
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select


MERGED = 64
"""Ranges of indexes that a page merges: SQLite compounds at most 500, and planning each takes time."""


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a page lists: an owner's uploads if `owner`, those of so many collections, or all of `many` of them."""

    owner: bool
    collections: int = 0
    many: bool = False


def uploads_page(
    owner: str | None, states: Collection[State], cursor: str | None, limit: int, collections: Collection[str] = ()
) -> Statement:
    """Read one upload more than the page has, newest first: those of the owner, and those in one of the collections.

    `owner` None is all uploads, no `states` are all. Raise Malformed.
    """
    shown = sorted({*states} or State)
    values: dict[str, Any] = {f"state_{number}": state.value for number, state in enumerate(shown)}
    values |= {"rows": limit + 1, "owner": owner}
    named = [] if owner is None else sorted(set(collections))
    if len(named) * len(shown) <= MERGED:
        values |= {f"collection_{number}": collection for number, collection in enumerate(named)}
        sources = _Sources(owner is not None, len(named))
    else:
        values |= {"collections": named, "states": [state.value for state in shown]}
        sources = _Sources(owner is not None, many=True)
    if cursor is not None:
        values["created_at"], values["last_id"] = decode_cursor(cursor, int, str)
    return _uploads_page(len(shown), sources, after=cursor is not None).bind(values)


@compiled
def covered_spans(upload_ids: Collection[str], most: int) -> Select[Any]:
    """Read the first `most` spans that the slices of each upload cover."""
    # Slices of an upload never overlap, so one that starts at the stop of the one before belongs to the same span.
    upload_id = slices.c.upload_id
    before = func.lag(slices.c.stop).over(partition_by=upload_id, order_by=slices.c.start)
    opens = case((before == slices.c.start, 0), else_=1).label("opens")
    marked = select(upload_id, slices.c.start, slices.c.stop, opens).where(upload_id.in_(upload_ids))
    each = marked.subquery("marked").c
    number = func.sum(each.opens).over(partition_by=each.upload_id, order_by=each.start).label("number")
    span = select(each.upload_id, each.start, each.stop, number).subquery("numbered").c
    bounds = func.min(span.start).label("start"), func.max(span.stop).label("stop")
    return (
        select(span.upload_id, *bounds, null().label("digest"), null().label("object"))
        .where(span.number <= most)
        .group_by(span.upload_id, span.number)
        .order_by(span.upload_id, span.number)
    )


@lru_cache
def _uploads_page(states: int, sources: _Sources, *, after: bool) -> CompiledStatement:
    """Merge the newest rows of each state: an index has them in order, which no index has for several states."""
    own: list[ColumnElement[bool]] = [uploads.c.owner == bindparam("owner") if sources.owner else true()]
    own += (uploads.c.collection == bindparam(f"collection_{number}") for number in range(sources.collections))
    in_state = [uploads.c.state == bindparam(f"state_{number}") for number in range(states)]
    newest = [_newest(and_(state, one), after=after) for state in in_state for one in own]
    if sources.many:
        # All rows of one index, which are sorted: 0.5 ms for each thousand. In another form than an index has the
        # state, or SQLite would read every upload in its order.
        some = uploads.c.collection.in_(bindparam("collections", expanding=True))
        newest.append(
            _newest(and_(some, unindexed(uploads.c.state).in_(bindparam("states", expanding=True))), after=after)
        )
    # An owner's upload may be in one of the collections too.
    merge = union_all if sources == _Sources(sources.owner) else union
    merged = merge(*(select(rows.c.id, rows.c.created_at) for rows in newest)).subquery("merged").c
    page = select(merged.id).order_by(merged.created_at.desc(), merged.id.desc()).limit(bindparam("rows"))
    return CompiledStatement(
        select(uploads, LAST_RECORDED.label("last_recorded"))
        .where(uploads.c.id.in_(page))
        .order_by(uploads.c.created_at.desc(), uploads.c.id.desc())
    )


def _newest(condition: ColumnElement[bool], *, after: bool) -> Any:
    """Return the newest rows that meet the condition, as many as the page has; `after` the row of a cursor."""
    key = uploads.c.created_at, uploads.c.id
    query = select(uploads.c.id, uploads.c.created_at).where(condition)
    if after:
        query = query.where(tuple_(*key) < tuple_(bindparam("created_at"), bindparam("last_id")))
    return query.order_by(*(column.desc() for column in key)).limit(bindparam("rows")).subquery()
