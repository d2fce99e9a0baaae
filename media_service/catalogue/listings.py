"""Read pages of uploads and of files by keyset pagination. Each form of a statement is compiled at its first use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, asc, bindparam, case, desc, func, null, or_, select

from media_service.catalogue.compiled import CompiledStatement, Statement, compiled
from media_service.catalogue.pagination import decode_cursor
from media_service.catalogue.reads import LAST_RECORDED
from media_service.catalogue.rows import fold
from media_service.catalogue.sqlite_dialect import unindexed
from media_service.catalogue.tables import files, slices, uploads
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select

FILE_SORT_KEYS: dict[str, type] = {
    "uploaded_at": int,
    "title": str,
    "artist": str,
    "duration": float,
    "size": int,
    "filename": str,
}
SEARCH_WORDS = 64
# SQLite refuses patterns of more than 50,000 bytes, and escaping may double a character of one byte.
SEARCH_CHARACTERS = 8192
CACHED_STATEMENTS = 128  # of each listing; a hostile client could ask for 1,560 forms of the files'


def uploads_page(owner: str | None, states: Collection[str], cursor: str | None, limit: int) -> Statement:
    """Read one upload more than the page has, newest first. Raise Malformed."""
    page = _uploads_page(by_owner=owner is not None, by_state=bool(states), after=cursor is not None)
    values: dict[str, Any] = {"rows": limit + 1, **_after(cursor, int)}
    if owner is not None:
        values["owner"] = owner
    if states:
        values["states"] = states
    return page.bind(values)


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
        select(span.upload_id, *bounds, null().label("digest"))
        .where(span.number <= most)
        .group_by(span.upload_id, span.number)
        .order_by(span.upload_id, span.number)
    )


def files_page(search: str, order: str, cursor: str | None, limit: int) -> Statement:
    """Read one file more than the page has; `-` before a sort key reverses the order. Raise Malformed."""
    falling, key = order.startswith("-"), order.removeprefix("-")
    if key not in FILE_SORT_KEYS:
        raise Malformed("sort", f"must be one of {', '.join(FILE_SORT_KEYS)}")
    patterns = {f"word_{number}": _escaped(word) for number, word in enumerate(_search_words(search))}
    page = _files_page(key, falling=falling, after=cursor is not None, words=len(patterns))
    return page.bind({"rows": limit + 1} | patterns | _after(cursor, FILE_SORT_KEYS[key]))


@lru_cache(CACHED_STATEMENTS)
def _uploads_page(*, by_owner: bool, by_state: bool, after: bool) -> CompiledStatement:
    query = select(uploads, LAST_RECORDED.label("last_recorded"))
    if by_owner:
        # With a state, its index finds fewer rows: an owner may have sent thousands of uploads.
        owner = unindexed(uploads.c.owner) if by_state else uploads.c.owner
        query = query.where(owner == bindparam("owner"))
    if by_state:
        query = query.where(uploads.c.state.in_(bindparam("states")))
    return CompiledStatement(_page(query, uploads.c.created_at, uploads.c.id, falling=True, after=after))


@lru_cache(CACHED_STATEMENTS)
def _files_page(column: str, *, falling: bool, after: bool, words: int) -> CompiledStatement:
    key: ColumnElement[Any] = files.c[column]
    if files.c[column].nullable:
        # A missing tag sorts like an empty one; no comparison would find NULL.
        key = func.coalesce(key, "")
    query = select(files, key.label("key"))
    for number in range(words):
        query = query.where(files.c.search.contains(bindparam(f"word_{number}"), escape="/"))
    return CompiledStatement(_page(query, key, files.c.id, falling=falling, after=after))


def _page(
    query: Select[Any], key: ColumnElement[Any], row_id: ColumnElement[str], *, falling: bool, after: bool
) -> Select[Any]:
    """Return the query sorted by key and id, with `rows` rows; `after` the row of a cursor."""
    if after:
        at, last_id = bindparam("key", type_=key.type), bindparam("last_id", type_=row_id.type)
        beyond, later = (key < at, row_id < last_id) if falling else (key > at, row_id > last_id)
        query = query.where(or_(beyond, and_(key == at, later)))
    direction = desc if falling else asc
    return query.order_by(direction(key), direction(row_id)).limit(bindparam("rows"))


def _after(cursor: str | None, kind: type) -> dict[str, Any]:
    """Return the values of a cursor's parameters."""
    if cursor is None:
        return {}
    key, last_id = decode_cursor(cursor, kind)
    return {"key": key, "last_id": last_id}


def _search_words(search: str) -> list[str]:
    """Return the words, folded like the searched text. Raise Malformed."""
    folded = fold(search)
    words = folded.split()
    if len(words) > SEARCH_WORDS or len(folded) > SEARCH_CHARACTERS:
        raise Malformed("search", f"more than {SEARCH_WORDS} words or {SEARCH_CHARACTERS} characters")
    if "\0" in folded:
        # A NUL ends a pattern in SQLite, and is no text in PostgreSQL.
        raise Malformed("search", "contains a NUL character")
    return words


def _escaped(word: str) -> str:
    """Return the word for LIKE … ESCAPE '/'."""
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")
