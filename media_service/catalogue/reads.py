"""Read uploads and files, except pages of listings. Each function is one statement, compiled at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, cast, desc, func, literal, literal_column, or_, select

from media_service.catalogue.compiled import compiled
from media_service.catalogue.constructs import unindexed
from media_service.catalogue.tables import covers, files, loudness, slices, uploads, usage
from media_service.core.files import Place
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, ScalarSelect, Select

# In the text of a statement, because binding a value takes longer than using it.
ZERO: ColumnElement[int] = literal_column("0")
ONE: ColumnElement[int] = literal_column("1")


def state_text(state: State) -> ColumnElement[str]:
    """Return the state's value in the text of a statement."""
    return literal_column(f"'{state.value}'")


def is_shown(account: ColumnElement[Any], collection: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a row is of the parameter `account`, or in one of the parameter `collections`."""
    return or_(account == bindparam("account"), collection.in_(bindparam("collections", expanding=True)))


# Of the upload in the enclosing statement; NULL without slices.
LAST_RECORDED = select(func.max(slices.c.recorded_at)).where(slices.c.upload_id == uploads.c.id).scalar_subquery()
_BYTES = func.sum(slices.c.stop - slices.c.start)
_IN_SPOOL = files.c.place == literal_column(f"'{Place.SPOOL.value}'")
_RECEIVING = uploads.c.state == State.RECEIVING.value


def last_stop(upload_id: Any) -> ScalarSelect[Any]:
    """Return the end of the last slice; NULL without one."""
    own = select(slices.c.stop).where(slices.c.upload_id == upload_id)
    return own.order_by(slices.c.start.desc()).limit(ONE).offset(ZERO).scalar_subquery()


def stop_before(upload_id: Any, position: Any) -> ScalarSelect[Any]:
    """Return the end of the last slice that begins before the position; NULL without one.

    Slices of an upload never overlap, so none of those before it ends later.
    """
    begins_before = select(slices.c.stop).where(slices.c.upload_id == upload_id, slices.c.start < position)
    return begins_before.order_by(slices.c.start.desc()).limit(ONE).offset(ZERO).scalar_subquery()


def _uploads_without_texts() -> Select[Any]:
    """Return uploads without the columns of up to 64 KiB: some callers read thousands of rows at once."""
    empty = {"tags": literal("{}").label("tags"), "chapters": literal("[]").label("chapters")}
    return select(*(empty.get(column.name, column) for column in uploads.columns))


@compiled
def upload_by_id(upload_id: str) -> Select[Any]:
    """Read the upload's row."""
    return select(uploads).where(uploads.c.id == upload_id)


@compiled
def slices_of(upload_id: str) -> Select[Any]:
    """Read the upload's recorded slices by start."""
    return select(slices).where(slices.c.upload_id == upload_id).order_by(slices.c.start)


@compiled
def cover_of(upload_id: str) -> Select[Any]:
    """Read the picture of the upload's cover."""
    return select(covers.c.picture).where(covers.c.upload_id == upload_id)


@compiled
def uploads_in_state(states: Collection[str]) -> Select[Any]:
    """Read the uploads in one of the states, oldest first, without their texts."""
    return _uploads_without_texts().where(uploads.c.state.in_(states)).order_by(uploads.c.created_at, uploads.c.id)


@compiled
def upload_ids_in_state(states: Collection[str]) -> Select[Any]:
    """Read the ids of the uploads in one of the states."""
    return select(uploads.c.id).where(uploads.c.state.in_(states))


@compiled
def expiring_uploads(idle: int, created: int) -> Select[Any]:
    """Read receiving uploads with nothing recorded since `idle`, or created before `created`, without their texts."""
    unchanged = and_(uploads.c.updated_at < idle, func.coalesce(LAST_RECORDED, 0) < idle)
    return _uploads_without_texts().where(_RECEIVING, or_(unchanged, uploads.c.created_at < created))


def address_usage_of(address: Any) -> Select[int, int]:
    """Return the number and the bytes of the receiving uploads of an address.

    Without a length, an upload counts up to its last recorded byte: it takes one look into the index, where adding up
    100,000 slices takes milliseconds, and a hostile client may have 100 such uploads.
    """
    size = func.coalesce(uploads.c.length, last_stop(uploads.c.id), ZERO)
    # The planner would take the index of states: every receiving upload.
    receiving = unindexed(uploads.c.state) == bindparam("receiving", State.RECEIVING.value)
    count, used = func.count().label("uploads"), func.coalesce(cast(func.sum(size), BigInteger), ZERO).label("bytes")
    return select(count, used).select_from(uploads).where(uploads.c.address == address, receiving)


@compiled
def address_usage(address: str) -> Select[int, int]:
    """Read the number and the bytes of the receiving uploads of an address."""
    return address_usage_of(address)


@compiled
def usage_rows(ids: Collection[str]) -> Select[Any]:
    """Read these rows of usage."""
    return select(usage).where(usage.c.id.in_(ids))


@compiled
def charged_in_quarantine() -> Select[Any]:
    """Read the ids of rejected uploads that still count."""
    return select(uploads.c.id).where(uploads.c.state == State.REJECTED.value, uploads.c.charged > ZERO)


@compiled
def peek(upload_id: str, start: int, stop: int) -> Select[Any]:
    """Read the version of an upload, and whether slices overlap these bytes."""
    overlaps = func.coalesce(stop_before(upload_id, stop), ZERO) > start
    return select(uploads.c.version, overlaps.label("overlaps")).where(uploads.c.id == upload_id)


@compiled
def fully_recorded_uploads() -> Select[Any]:
    """Read the ids of receiving uploads whose slices, which never overlap, add up to their length."""
    return (
        select(uploads.c.id)
        .join(slices, slices.c.upload_id == uploads.c.id)
        .where(_RECEIVING, uploads.c.length.is_not(None))
        .group_by(uploads.c.id)
        .having(uploads.c.length <= _BYTES)
    )


@compiled
def duplicate_of_bytes(owner: str, content_hash: bytes, length: int, collection: str | None) -> Select[Any]:
    """Read the owner's newest spooled upload for this collection whose file was received with these bytes.

    The file must be in the spool: what is in the trash, or was taken, may be sent again.
    """
    return (
        select(uploads)
        .join(files, files.c.upload_id == uploads.c.id)
        .where(files.c.content_hash == content_hash, files.c.received_size == length, files.c.owner == owner)
        .where(_IN_SPOOL, files.c.collection.is_not_distinct_from(collection))
        .order_by(files.c.uploaded_at.desc())
        .limit(1)
    )


@compiled
def duplicate_of_audio(
    owner: str, collection: str | None, content_hash: bytes, audio_sha256: bytes | None
) -> Select[Any]:
    """Read the oldest file with these bytes or this audio, as `Catalogue.duplicate_of_audio`. None equals no audio."""
    is_here = files.c.collection.is_not_distinct_from(collection)
    return (
        select(files)
        .where(or_(files.c.content_hash == content_hash, files.c.audio_sha256 == audio_sha256), _IN_SPOOL)
        .order_by(desc(files.c.owner == owner), desc(is_here), files.c.uploaded_at, files.c.id)
        .limit(1)
    )


@compiled
def stored_names(names: Collection[str]) -> Select[Any]:
    """Read which of these names files have."""
    return select(files.c.stored_name).where(files.c.stored_name.in_(names))


@compiled
def publish_intents() -> Select[Any]:
    """Read the intents of uploads that are about to be published."""
    return select(uploads.c.publish_intent).where(
        uploads.c.state == State.VERIFIED.value, uploads.c.publish_intent.is_not(None)
    )


@compiled
def file_by_id(file_id: str) -> Select[Any]:
    """Read the file's row."""
    return select(files).where(files.c.id == file_id)


@compiled
def unmeasured_file() -> Select[Any]:
    """Read the newest file in the spool without a row of loudness."""
    return (
        select(files)
        .outerjoin(loudness, loudness.c.file_id == files.c.id)
        .where(loudness.c.file_id.is_(None), _IN_SPOOL)
        .order_by(files.c.uploaded_at.desc(), files.c.id.desc())
        .limit(1)
    )


@compiled
def loudness_of(file_id: str) -> Select[Any]:
    """Read the loudness of a file."""
    return select(loudness).where(loudness.c.file_id == file_id)


@compiled
def files_with_retag_intent() -> Select[Any]:
    """Read the files that are about to be replaced."""
    return select(files).where(files.c.retag_intent.is_not(None))
