"""Everything the catalogue executes and is asked, in SQLAlchemy's words.

The server does not read this. `make sql` writes what it comes to into `sql.py`, and a test compares the two: SQLAlchemy
would be a fifth of an idle server's memory, only to say the same few texts at each start. What each statement is for
stands where its values are given, in `statements.py` and `queries.py`.

Every value is a parameter by name. A list of values is one too, as JSON, so that its length changes no text.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    and_,
    asc,
    bindparam,
    case,
    delete,
    desc,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from media_service.catalogue.orders import FILE_SORT_KEYS, TEXTS_THAT_MAY_MISS, name_of
from media_service.catalogue.tables import covers, files, heard, sessions, slices, uploads

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Select, Table

_WHICH: BindParameter[str] = bindparam("which")

_LAST_RECORDED = select(func.max(slices.c.recorded_at)).where(slices.c.upload_id == uploads.c.id).scalar_subquery()

_RECORDED_BYTES = (
    select(func.sum(slices.c.stop - slices.c.start)).where(slices.c.upload_id == uploads.c.id).scalar_subquery()
)


def every() -> dict[str, ClauseElement]:
    """The statements by name."""
    return {
        **_changes(),
        **_questions(),
        **{name_of("uploads_page", *flags): _uploads_page(*flags) for flags in product((False, True), repeat=3)},
        **{
            name_of(f"files_by_{order}", falling, cursor): _files_page(order, falling, cursor)
            for order, falling, cursor in product(FILE_SORT_KEYS, (False, True), (False, True))
        },
    }


def _changes() -> dict[str, ClauseElement]:
    still_so = select(uploads.c.id).where(uploads.c.id == covers.c.upload_id, uploads.c.state == bindparam("state"))
    return {
        "insert_upload": insert(uploads).values(_every_column(uploads)),
        "insert_slice": _insert_slice(),
        "insert_file": insert(files).values(_every_column(files)),
        "insert_heard": insert(heard).values(_every_column(heard)).on_conflict_do_nothing(),
        "insert_session": insert(sessions).values(_every_column(sessions)),
        "delete_session": delete(sessions).where(sessions.c.digest == bindparam("digest")),
        "delete_expired_sessions": delete(sessions).where(sessions.c.expires_at <= bindparam("now")),
        "insert_cover": insert(covers).values(_every_column(covers)),
        "update_upload": update(uploads).where(uploads.c.id == _WHICH).values(_every_column(uploads, but="id")),
        "update_file": update(files).where(files.c.id == _WHICH).values(_every_column(files, but="id")),
        "save_retag_intent": update(files).where(files.c.id == _WHICH).values({"retagging": bindparam("retagging")}),
        "delete_slices": delete(slices).where(slices.c.upload_id == _WHICH),
        "delete_cover": delete(covers).where(covers.c.upload_id == _WHICH),
        "forget_cover": delete(covers).where(covers.c.upload_id == _WHICH, still_so.exists()),
    }


def _questions() -> dict[str, ClauseElement]:
    idle: BindParameter[int] = bindparam("idle")
    created: BindParameter[int] = bindparam("created")
    still = and_(uploads.c.updated_at < idle, func.coalesce(_LAST_RECORDED, _inline(0)) < idle)
    receiving = uploads.c.state == _inline("receiving")
    same_bytes = files.c.content_hash == bindparam("content_hash")
    duplicate_of_audio = files.c.audio_sha256 == bindparam("audio_sha256")
    unheard = _all_of(files).outerjoin(heard, heard.c.file_id == files.c.id).where(heard.c.file_id.is_(None))
    return {
        "upload_by_id": _all_of(uploads).where(uploads.c.id == _WHICH),
        "slices_of": _all_of(slices).where(slices.c.upload_id == _WHICH).order_by(slices.c.start),
        "covered_spans": _covered_spans(),
        "uploads_in_state": _uploads_without_texts()
        .where(uploads.c.state.in_(_among("states")))
        .order_by(uploads.c.created_at, uploads.c.id),
        "expiring_uploads": _uploads_without_texts().where(receiving, or_(still, uploads.c.created_at < created)),
        "open_bytes": select(
            uploads.c.id,
            uploads.c.address,
            func.coalesce(uploads.c.length, _RECORDED_BYTES, _inline(0)).label("bytes"),
        ).where(receiving, uploads.c.address.is_not(None)),
        "whole_uploads": select(uploads.c.id)
        .join(slices, slices.c.upload_id == uploads.c.id)
        .where(receiving, uploads.c.length.is_not(None))
        .group_by(uploads.c.id)
        .having(func.sum(slices.c.stop - slices.c.start) >= uploads.c.length),
        "twin": _first(
            _all_of(uploads)
            .join(files, files.c.upload_id == uploads.c.id)
            .where(same_bytes, files.c.received_size == bindparam("length"), files.c.owner == bindparam("owner"))
            .order_by(files.c.uploaded_at.desc())
        ),
        # A sound that is not known is NULL, which equals nothing.
        "duplicate_of_audio": _first(
            _all_of(files)
            .where(or_(same_bytes, duplicate_of_audio))
            .order_by(desc(files.c.owner == bindparam("owner")), files.c.uploaded_at, files.c.id)
        ),
        "taken_names": select(files.c.stored_name).where(files.c.stored_name.in_(_among("names"))),
        "planned_names": select(uploads.c.placing).where(
            uploads.c.state == _inline("verified"), uploads.c.placing.is_not(None)
        ),
        "cover_of": select(covers.c.picture).where(covers.c.upload_id == _WHICH),
        "file_by_id": _all_of(files).where(files.c.id == _WHICH),
        "unheard_file": _first(unheard.order_by(files.c.uploaded_at.desc(), files.c.id.desc())),
        "heard_in": _all_of(heard).where(heard.c.file_id == _WHICH),
        "sessions": _all_of(sessions),
        "retagging": _all_of(files).where(files.c.retagging.is_not(None)),
    }


def _all_of(table: Table) -> Select[Any]:
    """Its rows, whose columns are asked for by name."""
    return select(literal_column(f"{table.name}.*")).select_from(table)


def _uploads_without_texts() -> Select[Any]:
    """Rows of uploads without what may take 64 KiB of memory in each: some callers read thousands of rows at once."""
    left_out: dict[str, ColumnElement[Any]] = {
        "tags": literal_column("'{}'").label("tags"),
        "chapters": literal_column("'[]'").label("chapters"),
    }
    return select(*(left_out.get(column.name, column) for column in uploads.columns))


def _every_column(table: Table, but: str = "") -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in table.columns if column.name != but}


def _insert_slice() -> ClauseElement:
    """The same slice again is no error; one that begins alike and ends elsewhere breaks NOT NULL."""
    statement = insert(slices).values(_every_column(slices))
    same = case((slices.c.stop == statement.excluded.stop, slices.c.stop), else_=None)
    return statement.on_conflict_do_update(index_elements=["upload_id", "start"], set_={"stop": same})


def _covered_spans() -> Select[Any]:
    """Slices of an upload never overlap, so one that begins where the one before it stops belongs to the same span."""
    upload_id = slices.c.upload_id
    before = func.lag(slices.c.stop).over(partition_by=upload_id, order_by=slices.c.start)
    opens = case((before == slices.c.start, _inline(0)), else_=_inline(1)).label("opens")
    marked = select(upload_id, slices.c.start, slices.c.stop, opens).where(upload_id.in_(_among("upload_ids")))
    each = marked.subquery("marked").c
    number = func.sum(each.opens).over(partition_by=each.upload_id, order_by=each.start).label("number")
    span = select(each.upload_id, each.start, each.stop, number).subquery("numbered").c
    bounds = func.min(span.start).label("start"), func.max(span.stop).label("stop")
    return (
        select(span.upload_id, *bounds, literal_column("NULL").label("digest"))
        .where(span.number <= bindparam("most"))
        .group_by(span.upload_id, span.number)
        .order_by(span.upload_id, span.number)
    )


def _uploads_page(of_owner: bool, in_states: bool, behind: bool) -> ClauseElement:
    query = _all_of(uploads).add_columns(_LAST_RECORDED.label("last_recorded"))
    if of_owner:
        # The plus keeps SQLite from going through all that an owner ever sent for the few that are in a state.
        owner: ColumnElement[str] = literal_column("+uploads.owner") if in_states else uploads.c.owner
        query = query.where(owner == bindparam("owner"))
    if in_states:
        query = query.where(uploads.c.state.in_(_among("states")))
    return _page(query, uploads.c.created_at, uploads.c.id, falling=True, behind=behind)


def _files_page(order: str, falling: bool, behind: bool) -> ClauseElement:
    key: ColumnElement[Any] = files.c[order]
    if order in TEXTS_THAT_MAY_MISS:
        # A missing tag sorts as an empty one, and is no NULL that no comparison finds.
        key = func.coalesce(key, _inline(""))
    words: BindParameter[str] = bindparam("words")
    word = func.json_each(words).table_valued("value", name="word")
    missing = exists().select_from(word).where(func.instr(files.c.search, word.c.value) == _inline(0))
    # Said first, so that a listing without a search does not ask each file for its missing words.
    query = _all_of(files).add_columns(key.label("key")).where(or_(words == _inline("[]"), ~missing))
    return _page(query, key, files.c.id, falling=falling, behind=behind)


def _page(
    query: Select[Any], key: ColumnElement[Any], row_id: ColumnElement[str], *, falling: bool, behind: bool
) -> ClauseElement:
    """In the order of the key, and of the id among equals; `behind` a cursor where that is asked for."""
    at: BindParameter[Any] = bindparam("key")
    last_id: BindParameter[str] = bindparam("last_id")
    if behind and falling:
        query = query.where(or_(key < at, and_(key == at, row_id < last_id)))
    elif behind:
        query = query.where(or_(key > at, and_(key == at, row_id > last_id)))
    way = desc if falling else asc
    return _limited(query.order_by(way(key), way(row_id)), bindparam("rows"))


def _first(query: Select[Any]) -> Select[Any]:
    return _limited(query, _inline(1))


def _limited(query: Select[Any], rows: Any) -> Select[Any]:
    # SQLAlchemy says OFFSET in any case, and a 0 of its own would be a parameter.
    return query.limit(rows).offset(_inline(0))


def _among(name: str) -> Select[Any]:
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def _inline(value: str | int) -> ColumnElement[Any]:
    """A value of ours, which stands in the text."""
    return literal_column(f"'{value}'" if isinstance(value, str) else str(value))
