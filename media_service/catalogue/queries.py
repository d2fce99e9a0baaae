"""What is asked of the catalogue, one sentence a query, and how listings turn their pages."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, asc, bindparam, desc, func, or_, select

from media_service.catalogue.compiled import sql_of, with_values
from media_service.catalogue.rows import fold
from media_service.catalogue.tables import covers, files, heard, slices, uploads
from media_service.core.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection
    from sqlite3 import Row

    from sqlalchemy import ColumnElement

    from media_service.catalogue.compiled import Statement
    from media_service.core.upload import State

FILE_ORDERS = ("uploaded_at", "title", "artist", "duration", "size", "filename")
"""By what the listing of files can be sorted; `-` before it turns the order round."""

SEARCH_WORDS = 64

_last_recorded = select(func.max(slices.c.recorded_at)).where(slices.c.upload_id == uploads.c.id).scalar_subquery()


_UPLOAD_BY_ID = sql_of(select(uploads).where(uploads.c.id == bindparam("which")))
_SLICES_OF = sql_of(select(slices).where(slices.c.upload_id == bindparam("which")).order_by(slices.c.start))


def upload_by_id(upload_id: str) -> Statement:
    """The upload's row."""
    return _UPLOAD_BY_ID, {"which": upload_id}


def slices_of(upload_id: str) -> Statement:
    """The upload's recorded slices by start."""
    return _SLICES_OF, {"which": upload_id}


def slices_of_all(upload_ids: Collection[str]) -> Statement:
    """The recorded slices of several uploads."""
    wanted = select(slices).where(slices.c.upload_id.in_(upload_ids))
    return with_values(wanted.order_by(slices.c.upload_id, slices.c.start))


def uploads_in_state(states: Collection[State]) -> Statement:
    """Uploads in one of the states, oldest first."""
    return with_values(
        select(uploads)
        .where(uploads.c.state.in_([state.value for state in states]))
        .order_by(uploads.c.created_at, uploads.c.id)
    )


def expiring_uploads(idle: int, created: int) -> Statement:
    """Receiving uploads for which nothing was recorded since `idle`, or that were made before `created`."""
    still = and_(uploads.c.updated_at < idle, func.coalesce(_last_recorded, 0) < idle)
    return with_values(
        select(uploads).where(uploads.c.state == "receiving", or_(still, uploads.c.created_at < created))
    )


def whole_uploads() -> Statement:
    """Receiving uploads whose slices, which never overlap, add up to their length."""
    return with_values(
        select(uploads.c.id)
        .join(slices, slices.c.upload_id == uploads.c.id)
        .where(uploads.c.state == "receiving", uploads.c.length.is_not(None))
        .group_by(uploads.c.id)
        .having(func.sum(slices.c.stop - slices.c.start) >= uploads.c.length)
    )


def twin(owner: str, content_hash: bytes, length: int) -> Statement:
    """The owner's newest spooled upload whose file was received with these bytes."""
    return with_values(
        select(uploads)
        .join(files, files.c.upload_id == uploads.c.id)
        .where(
            files.c.content_hash == content_hash,
            files.c.received_size == length,
            files.c.owner == owner,
        )
        .order_by(files.c.uploaded_at.desc())
        .limit(1)
    )


def same_sound(content_hash: bytes, audio_sha256: bytes | None) -> Statement:
    """The oldest file received with these bytes, or with the same sound."""
    same = files.c.content_hash == content_hash
    if audio_sha256 is not None:
        same = or_(same, files.c.audio_sha256 == audio_sha256)
    return with_values(select(files).where(same).order_by(files.c.uploaded_at, files.c.id).limit(1))


def taken_names(names: Collection[str]) -> Statement:
    """Which of these names files have."""
    return with_values(select(files.c.stored_name).where(files.c.stored_name.in_(names)))


def planned_names() -> Statement:
    """What is known of the names that files are about to get."""
    return with_values(select(uploads.c.placing).where(uploads.c.state == "verified", uploads.c.placing.is_not(None)))


def uploads_page(owner: str | None, states: Collection[State], cursor: str | None, limit: int) -> Statement:
    """A page of uploads, newest first; `owner` None lists everybody's."""
    query = select(uploads, _last_recorded.label("last_recorded"))
    if owner is not None:
        query = query.where(uploads.c.owner == owner)
    if states:
        query = query.where(uploads.c.state.in_([state.value for state in states]))
    if cursor is not None:
        query = query.where(_behind(uploads.c.created_at, uploads.c.id, cursor, int, falling=True))
    return with_values(query.order_by(desc(uploads.c.created_at), desc(uploads.c.id)).limit(limit + 1))


def cover_of(upload_id: str) -> Statement:
    """The picture for an upload."""
    return with_values(select(covers.c.picture).where(covers.c.upload_id == upload_id))


def file_by_id(file_id: str) -> Statement:
    """The file's row."""
    return with_values(select(files).where(files.c.id == file_id))


def unheard_file() -> Statement:
    """The newest file that nobody listened to."""
    query = select(files).outerjoin(heard, heard.c.file_id == files.c.id).where(heard.c.file_id.is_(None))
    return with_values(query.order_by(files.c.uploaded_at.desc(), files.c.id.desc()).limit(1))


def heard_in(file_id: str) -> Statement:
    """What was heard in a file."""
    return with_values(select(heard).where(heard.c.file_id == file_id))


def retagging() -> Statement:
    """Files whose place something is about to take."""
    return with_values(select(files).where(files.c.retagging.is_not(None)))


def files_page(search: str, order: str, cursor: str | None, limit: int) -> Statement:
    """A page of files in which every word of `search` occurs. Raises Malformed for another order or cursor."""
    falling, name = order.startswith("-"), order.removeprefix("-")
    if name not in FILE_ORDERS:
        raise Malformed("sort", f"files can be sorted by {', '.join(FILE_ORDERS)}")
    key: ColumnElement[Any] = files.c[name]
    if name in ("title", "artist"):
        # A missing tag sorts as an empty one, and is no NULL that no comparison finds.
        key = func.coalesce(key, "")
    query = select(files, key.label("key"))
    words = fold(search).split()
    if len(words) > SEARCH_WORDS:
        raise Malformed("search", f"it has more than {SEARCH_WORDS} words")
    for word in words:
        query = query.where(files.c.search.contains(word, autoescape=True))
    if cursor is not None:
        kind = str if name in ("title", "artist", "filename") else float if name == "duration" else int
        query = query.where(_behind(key, files.c.id, cursor, kind, falling=falling))
    way = desc if falling else asc
    return with_values(query.order_by(way(key), way(files.c.id)).limit(limit + 1))


def cursor_after(*key: object) -> str:
    """Where the next page begins, as an opaque word."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def next_page(rows: list[Row], limit: int, *key: str) -> tuple[list[Row], str | None]:
    """The page's rows, and the cursor of the next page where one more row came than was asked for."""
    page = rows[:limit]
    if len(rows) <= limit:
        return page, None
    return page, cursor_after(*(page[-1][name] for name in key))


def _behind(
    key: ColumnElement[Any], row_id: ColumnElement[Any], cursor: str, kind: type, *, falling: bool
) -> ColumnElement[bool]:
    """Rows that come after the cursor's in this order."""
    try:
        value, last_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        value = kind(value)
        if not isinstance(last_id, str) or (kind is int and not -(2**63) <= value < 2**63):
            raise ValueError
        f"{value}{last_id}".encode()  # lone surrogates cannot be bound
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        raise Malformed("cursor", "it is not one that this listing gave out") from None
    if falling:
        return or_(key < value, and_(key == value, row_id < last_id))
    return or_(key > value, and_(key == value, row_id > last_id))
