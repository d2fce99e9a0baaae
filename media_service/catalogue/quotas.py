"""Admit new uploads, and more bytes of those without a length, within the limits of all that they count for.

The transaction decides: it first reads the rows of usage with their limits, and locks them on an engine that locks rows
(SQLite has one writer at a time). So of two requests the second sees what the first one has reserved. If it is refused,
`check_creation` or `check_charge` finds the reason in the rows that were read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, and_, bindparam, case, func, literal_column, or_, select, true, union_all, update

from media_service.catalogue import reads
from media_service.catalogue.access_tables import collections, owners
from media_service.catalogue.change import Change
from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.constructs import insert, least
from media_service.catalogue.rows import upload_row
from media_service.catalogue.tables import uploads, usage
from media_service.catalogue.usage import SERVICE, count_upload, uncount_upload
from media_service.core.accounts import OwnerLimits
from media_service.core.quota import (
    COLLECTION_USAGE_PREFIX,
    FIRST_CHARGE_BYTES,
    NO_STORAGE_LIMITS,
    SERVICE_USAGE,
    Allowance,
    collection_usage,
    holder_of,
    next_charge,
)
from media_service.core.upload_states import State
from media_service.core.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ClauseElement, ColumnElement, FromClause, Select, Subquery

    from media_service.catalogue.change import Rows
    from media_service.core.quota import Quota, StorageLimits
    from media_service.core.upload import Upload

NO_LIMIT = 2**62  # more than any quota, and two of them can be added

_NO_LIMIT: ColumnElement[int] = literal_column(str(NO_LIMIT))
_FIRST: ColumnElement[int] = literal_column(str(FIRST_CHARGE_BYTES))
_COLLECTION_AT: ColumnElement[int] = literal_column(str(len(COLLECTION_USAGE_PREFIX) + 1))
_RECEIVING = uploads.c.state == reads.state_text(State.RECEIVING)
_COUNTS = (usage.c.files, usage.c.bytes, usage.c.reserved_files, usage.c.reserved_bytes)


def _with_limits(base: FromClause, usage_id: ColumnElement[Any]) -> Select[Any]:
    """Select these rows of usage with the limits that their owner or collection has of its own."""
    own_collection = collections.c.id == func.substr(usage_id, _COLLECTION_AT)
    sources = base.outerjoin(owners, owners.c.id == usage_id).outerjoin(collections, own_collection)
    bytes_max = func.coalesce(owners.c.bytes_max, collections.c.bytes_max).label("bytes_max")
    counts = [func.coalesce(column, reads.ZERO).label(column.name) for column in _COUNTS]
    columns = usage_id.label("id"), *counts, owners.c.files_max, bytes_max, owners.c.file_bytes_max
    return select(*columns).select_from(sources)


def _usage_rows() -> Select[Any]:
    """Select the rows of usage of the service, a collection and an account that are there, the service's first."""
    ids = [SERVICE, bindparam("collection_usage"), bindparam("account")]
    return _with_limits(usage, usage.c.id).where(usage.c.id.in_(ids)).order_by(usage.c.id.desc())


@compiled
def allowances(collection_usage: Any, account: Any) -> Select[Any]:
    """Read usage and limits of the service, a collection and an account; they need not have a row of usage yet."""
    ids = union_all(select(SERVICE.label("id")), select(collection_usage), select(account)).subquery("ids")
    rows = _with_limits(ids.outerjoin(usage, usage.c.id == ids.c.id), ids.c.id)
    return rows.where(ids.c.id.is_not(None)).order_by(ids.c.id.desc())


def _room() -> Subquery:
    """Select the smallest of what is left, with the limits of the settings for rows that have none of their own."""
    row = _usage_rows().order_by(None).subquery("allowances").c
    is_account = row.id == bindparam("account")
    bytes_max = case(
        (row.id == SERVICE, bindparam("service_bytes")), (is_account, bindparam("account_bytes")), else_=_NO_LIMIT
    )
    files_max = case((is_account, bindparam("account_files")), else_=_NO_LIMIT)
    file_bytes = case((is_account, bindparam("account_file_bytes")), else_=_NO_LIMIT)
    left = {
        "bytes": func.coalesce(row.bytes_max, bytes_max) - row.bytes - row.reserved_bytes,
        "files": func.coalesce(row.files_max, files_max) - row.files - row.reserved_files,
        "file_bytes": func.coalesce(row.file_bytes_max, file_bytes),
    }
    smallest = [func.coalesce(func.min(size), _NO_LIMIT).label(name) for name, size in left.items()]
    return select(*smallest).subquery("room")


def _insert_within_quota(room: Subquery | None = None) -> ClauseElement:
    """Insert an upload if its address and all that it counts for have room, as `Quota` and `Allowance` decide.

    Without a length it gets what is left of FIRST_CHARGE_BYTES: a small file fits into a small rest.
    """
    used = reads.address_usage_of(bindparam("address")).subquery("used")
    values: dict[str, Any] = {column.name: bindparam(column.name, type_=column.type) for column in uploads.columns}
    length, sources = values["length"], used.join(room, true()) if room is not None else used
    admitted = [
        used.c.uploads < bindparam("most_uploads", type_=BigInteger()),
        used.c.bytes + func.coalesce(length, reads.ZERO) <= bindparam("most_bytes", type_=BigInteger()),
    ]
    if room is not None:
        left = least(room.c.bytes, room.c.file_bytes)
        admitted += [room.c.files > reads.ZERO, func.coalesce(length, reads.ONE) <= left]
        values["charged"] = func.coalesce(length, least(_FIRST, left))
    row = select(*values.values()).select_from(sources).where(*admitted)
    return insert(uploads).from_select(list(values), row)


def _admit_charge() -> Select[Any]:
    """Select an upload that needs no more, or for which there is room; and whether it needs more."""
    room, stop = _room(), bindparam("stop", type_=uploads.c.charged.type)
    fits = and_(room.c.bytes >= stop - uploads.c.charged, room.c.file_bytes >= stop)
    admitted = or_(uploads.c.length.is_not(None), uploads.c.charged >= stop, fits)
    grows = and_(uploads.c.length.is_(None), uploads.c.charged < stop)
    found = uploads.c.id == bindparam("upload_id"), _RECEIVING, admitted
    return select(uploads.c.charged, grows).select_from(uploads.join(room, true())).where(*found)


def _charge() -> ClauseElement:
    """Charge as much of the next step as there is room for; the upload itself is not counted now."""
    room = _room()
    most = select(least(bindparam("most"), room.c.bytes, room.c.file_bytes)).scalar_subquery()
    return update(uploads).where(uploads.c.id == bindparam("upload_id")).values(charged=most)


def _charged(*which: ColumnElement[bool]) -> Select[Any]:
    return select(uploads.c.charged).where(uploads.c.id == bindparam("upload_id"), *which)


_INSERT_UPLOAD = CompiledStatement(insert(uploads))
_INSERT_WITHIN_QUOTA = CompiledStatement(_insert_within_quota())
_INSERT_WITHIN_LIMITS = CompiledStatement(_insert_within_quota(_room()))
_INSERT_USAGE = CompiledStatement(insert(usage).values(id=bindparam("id")).on_conflict_do_nothing())
_LOCK_ALLOWANCES = CompiledStatement(_usage_rows().with_for_update(of=usage))
_LOCK_CHARGED = CompiledStatement(_charged(_RECEIVING).with_for_update())
_ADMIT_CHARGE = CompiledStatement(_admit_charge())
_CHARGE = CompiledStatement(_charge())
_CHARGED = CompiledStatement(_charged())


def create(upload: Upload, quota: Quota | None = None, limits: StorageLimits = NO_STORAGE_LIMITS) -> Change:
    """Insert an upload, within the quota of its address and the limits of what it counts for.

    Without a length, the last row has what is reserved.
    """
    row = upload_row(upload) | {"charged": upload.length or FIRST_CHARGE_BYTES}
    counting = [count_upload(upload.id)]
    if upload.length is None:
        counting.append(_CHARGED.bind({"upload_id": upload.id}))
    is_limited = not (limits.service is None and upload.account is None and upload.collection is None)
    if not is_limited and (quota is None or upload.address is None):
        return Change([_INSERT_UPLOAD.bind(row), *counting])
    row |= _limits(upload, limits)
    row["most_uploads"] = NO_LIMIT if quota is None or quota.uploads is None else quota.uploads
    row["most_bytes"] = NO_LIMIT if quota is None or quota.bytes is None else quota.bytes
    # Insert missing rows, so that they can be locked. If the creation is refused, their counts stay 0.
    missing = [_INSERT_USAGE.bind({"id": row[name]}) for name in ("collection_usage", "account") if row[name]]
    # The lock of the service's row also orders the creations of one address.
    reading = [*missing, _LOCK_ALLOWANCES.bind(row), reads.address_usage(upload.address or "")]
    # Looking up the limits takes a third of a creation: without any, only the address is looked at.
    inserting = _INSERT_WITHIN_LIMITS if is_limited else _INSERT_WITHIN_QUOTA
    return Change([*reading, inserting.bind(row), *counting], guard=len(reading))


def check_creation(rows: Rows, upload: Upload, quota: Quota | None, limits: StorageLimits) -> None:
    """Raise the reason for which `create` was refused: TooManyUploads, FileTooLarge, QuotaExceeded."""
    *usage_rows, (open_uploads, open_bytes) = rows
    if quota is not None and upload.address is not None:
        quota.check_count(open_uploads)
        quota.check_bytes(open_bytes, upload.length or 0)
    for allowance in _narrowest_first(usage_rows, limits):
        allowance.check_file()
        allowance.check_bytes(upload.length or 1, upload.length or 1)


def charge(upload: Upload, stop: int, limits: StorageLimits) -> Change:
    """Reserve the bytes before `stop` for an upload without a length. The last row has what is reserved then."""
    row = _limits(upload, limits) | {"upload_id": upload.id, "stop": stop, "most": next_charge(stop)}
    reading = [_LOCK_CHARGED.bind(row), _LOCK_ALLOWANCES.bind(row), _ADMIT_CHARGE.bind(row)]
    charging = [uncount_upload(upload.id), _CHARGE.bind(row), count_upload(upload.id), _CHARGED.bind(row)]
    return Change(reading, guard=len(reading) - 1, further=charging)


def check_charge(rows: Rows, stop: int, limits: StorageLimits) -> None:
    """Raise FileTooLarge or QuotaExceeded if that is why `charge` was refused: the upload may also have ended."""
    receiving = [row for row in rows if len(row) == 1]
    for (charged,) in receiving:
        for allowance in _narrowest_first(rows[len(receiving) :], limits):
            allowance.check_bytes(stop - charged, stop)


def _limits(upload: Upload, limits: StorageLimits) -> dict[str, Any]:
    """Return what the statements bind: the rows of usage, and the limits of the settings."""
    own = limits.of_account(upload.account)
    most = {
        "service_bytes": limits.service,
        "account_bytes": own.bytes,
        "account_files": own.files,
        "account_file_bytes": own.file_bytes,
    }
    ids = {"collection_usage": collection_usage(upload.collection), "account": upload.account}
    return ids | {name: NO_LIMIT if limit is None else limit for name, limit in most.items()}


def allowance_of(row: Iterable[Any], limits: StorageLimits) -> Allowance:
    """Return the usage of a row, with its own limits, else with those of the settings."""
    usage_id, files, size, reserved_files, reserved_bytes, files_max, bytes_max, file_bytes_max = row
    holder = holder_of(usage_id)
    default = limits.of_account(usage_id) if holder in ("owner", "link") else OwnerLimits()
    if usage_id == SERVICE_USAGE:
        default = OwnerLimits(bytes=limits.service)
    own = OwnerLimits(
        files=default.files if files_max is None else files_max,
        bytes=default.bytes if bytes_max is None else bytes_max,
        file_bytes=default.file_bytes if file_bytes_max is None else file_bytes_max,
    )
    return Allowance(holder, own, Usage(files, size, reserved_files, reserved_bytes))


def _narrowest_first(rows: Rows, limits: StorageLimits) -> list[Allowance]:
    """Return the allowances in the order in which a refusal names them: who cleans up one of their own can go on."""
    order = ("link", "owner", "collection", "service")
    return sorted((allowance_of(row, limits) for row in rows), key=lambda allowance: order.index(allowance.of))
