"""Erase an owner from the rows, over the connections of the catalogue."""
# ruff: noqa: D102  # the port has the contract

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, null, or_, select, update

from media_service.catalogue import reads
from media_service.catalogue.access_tables import audit, grants, owners, tokens
from media_service.catalogue.audit import forget_owner, insert_entry
from media_service.catalogue.change import Change, Refused
from media_service.catalogue.coercion import readable, text
from media_service.catalogue.compiled import CompiledStatement, compiled
from media_service.catalogue.file_listing import list_again
from media_service.catalogue.rows import file_value
from media_service.catalogue.tables import covers, files, listed_files, loudness, slices, trashed_files, uploads, usage
from media_service.catalogue.usage import count_file, count_upload, lock_file, lock_upload, uncount_file, uncount_upload
from media_service.core.people import ERASED_OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import BindParameter, ClauseElement, ColumnElement, Select

    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Reader, Writer
    from media_service.core.audit import AuditEntry
    from media_service.core.files import StoredFile

_UPLOAD_ID: BindParameter[str] = bindparam("upload_id")
_OWNER_ID: BindParameter[str] = bindparam("owner_id")
_FILE_OF_UPLOAD = select(files.c.id).where(files.c.upload_id == _UPLOAD_ID)
_ERASED: dict[str, Any] = {"owner": ERASED_OWNER, "account": null(), "sender": null(), "email": null()}


def _is_of(owner_id: Any) -> ColumnElement[bool]:
    return or_(uploads.c.owner == owner_id, uploads.c.account == owner_id)


@compiled
def _uploads_of(owner_id: str, most: int) -> Select[Any]:
    return select(uploads.c.id).where(_is_of(owner_id)).limit(most)


@compiled
def _file_of(upload_id: str) -> Select[Any]:
    return select(files).where(files.c.upload_id == upload_id)


def _anonymize_upload() -> ClauseElement:
    values = _ERASED | {"protocol_fields": "{}", "version": uploads.c.version + reads.ONE}
    return update(uploads).where(uploads.c.id == _UPLOAD_ID).values(values)


def _owner_without_uploads() -> ClauseElement:
    has_upload = exists(select(uploads.c.id).where(_is_of(_OWNER_ID)))
    return select(owners.c.id).where(owners.c.id == _OWNER_ID, ~has_upload)


def _forget_tokens() -> ClauseElement:
    own = select(tokens.c.id).where(tokens.c.owner == _OWNER_ID)
    return update(audit).where(audit.c.subject.in_(own)).values(subject_name="", details="{}")


_ANONYMIZE_UPLOAD = CompiledStatement(_anonymize_upload())
_ANONYMIZE_FILE = CompiledStatement(update(files).where(files.c.upload_id == _UPLOAD_ID).values(_ERASED))

_DELETE_UPLOAD = [
    CompiledStatement(clause)
    for clause in (
        delete(listed_files).where(listed_files.c.file_id.in_(_FILE_OF_UPLOAD)),
        delete(trashed_files).where(trashed_files.c.file_id.in_(_FILE_OF_UPLOAD)),
        delete(loudness).where(loudness.c.file_id.in_(_FILE_OF_UPLOAD)),
        delete(files).where(files.c.upload_id == _UPLOAD_ID),
        delete(covers).where(covers.c.upload_id == _UPLOAD_ID),
        delete(slices).where(slices.c.upload_id == _UPLOAD_ID),
        delete(uploads).where(uploads.c.id == _UPLOAD_ID),
    )
]
"""In the order that the foreign keys require. Grams of the text stay: they are no words, and lead nowhere."""

_OWNER_WITHOUT_UPLOADS = CompiledStatement(_owner_without_uploads())

_ERASE_OWNER = [
    CompiledStatement(clause)
    for clause in (
        _forget_tokens(),
        delete(tokens).where(tokens.c.owner == _OWNER_ID),
        delete(grants).where(grants.c.owner == _OWNER_ID),
        delete(usage).where(usage.c.id == _OWNER_ID),
        # No index has them: erasing reads all files.
        update(files).where(files.c.trashed_by == _OWNER_ID).values(trashed_by=null(), trashed_by_name=""),
        update(owners).where(owners.c.created_by == _OWNER_ID).values(created_by=null()),
        delete(owners).where(owners.c.id == _OWNER_ID),
    )
]


def _locks(upload_id: str, of_upload: Sequence[StoredFile]) -> list[Statement]:
    return [lock_upload(upload_id), *(lock_file(file.id) for file in of_upload)]


class CatalogueErasing:
    """Adapter of `core.ports.erasing.ErasableRows`."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def uploads_of(self, owner_id: str, limit: int) -> Sequence[str]:
        return [text(row["id"]) for row in await self._reader.rows(_uploads_of(owner_id, limit))]

    async def anonymize(self, upload_id: str) -> None:
        values, found = {"upload_id": upload_id}, await self._files_of(upload_id)
        statements = [uncount_upload(upload_id), *(uncount_file(file.id) for file in found)]
        statements += [_ANONYMIZE_UPLOAD.bind(values), _ANONYMIZE_FILE.bind(values)]
        statements += [count_upload(upload_id), *(count_file(file.id) for file in found)]
        for file in found:
            statements += list_again(replace(file, owner=ERASED_OWNER, account=None, sender=None, email=None))
        await self._writer.execute(Change(statements, locks=_locks(upload_id, found)))

    async def delete_upload(self, upload_id: str) -> None:
        values = {"upload_id": upload_id}
        found = await self._files_of(upload_id)
        uncounted = [uncount_file(file.id) for file in found]
        statements = [uncount_upload(upload_id), *uncounted, *(each.bind(values) for each in _DELETE_UPLOAD)]
        await self._writer.execute(Change(statements, ends_upload=True, locks=_locks(upload_id, found)))

    async def erase_owner(self, owner_id: str, entry: AuditEntry) -> bool:
        values = {"owner_id": owner_id}
        statements = [_OWNER_WITHOUT_UPLOADS.bind(values), *forget_owner(owner_id)]
        statements += [*(each.bind(values) for each in _ERASE_OWNER), insert_entry(entry)]
        try:
            await self._writer.execute(Change(statements, guard=0, ends_upload=True))
        except Refused:
            return False
        return True

    async def _files_of(self, upload_id: str) -> list[StoredFile]:
        """Return the file of the upload, if it has one."""
        return readable(file_value, await self._reader.rows(_file_of(upload_id)))
