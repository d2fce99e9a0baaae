"""The audit trail: rows that are inserted, and deleted when they are old."""
# ruff: noqa: D102  # the port has the contracts

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, null, select, tuple_, update

from media_service.catalogue.access_tables import audit
from media_service.catalogue.change import Change
from media_service.catalogue.coercion import integer, json_object, text, text_or_none
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert
from media_service.catalogue.pagination import decode_cursor, encode_cursor, split_page
from media_service.catalogue.search_syntax import search_words
from media_service.catalogue.text_index import fold
from media_service.core.audit import Actor, AuditEntry, Subject

if TYPE_CHECKING:
    from media_service.catalogue.compiled import Statement
    from media_service.catalogue.engine import Reader, Row, Writer
    from media_service.core.audit import AuditFilter

ROWS_PER_READ, MAX_READS = 250, 40
"""Of one call that searches. No index has words, and comparing them takes 3 ms of processor time a read."""

SEARCHED = ("actor", "actor_name", "token", "address", "subject", "subject_name", "outcome", "details")

DELETED_AT_ONCE = 500
"""Rows of one transaction, for which the records of slices wait."""

_INSERT = CompiledStatement(
    insert(audit).values({column.name: bindparam(column.name) for column in audit.columns if column.name != "id"})
)
_OLDEST = select(audit.c.id).where(audit.c.at < bindparam("before")).order_by(audit.c.at, audit.c.id)
_DELETE_OLDEST = CompiledStatement(
    delete(audit).where(audit.c.id.in_(_OLDEST.limit(DELETED_AT_ONCE))).returning(audit.c.id)
)
_FORGET_ACTOR = CompiledStatement(
    update(audit).where(audit.c.actor == bindparam("owner")).values(actor_name="", address=null())
)
_FORGET_SUBJECT = CompiledStatement(
    update(audit).where(audit.c.subject == bindparam("owner")).values(subject_name="", details="{}")
)


def insert_entry(entry: AuditEntry) -> Statement:
    """Insert an entry: a change adds it after its guard, so that neither is ever there without the other."""
    return _INSERT.bind(
        {
            "at": entry.at,
            "actor": entry.actor.id,
            "actor_name": entry.actor.name,
            "token": entry.actor.token,
            "address": entry.actor.address,
            "action": str(entry.action),
            "subject": entry.subject.id,
            "subject_name": entry.subject.name,
            "outcome": entry.outcome,
            "details": json.dumps(dict(entry.details), ensure_ascii=False),
        }
    )


def with_entry(change: Change, entry: AuditEntry | None) -> Change:
    """Return the change with the entry of what it does, if there is one."""
    return change if entry is None else replace(change, statements=[*change.statements, insert_entry(entry)])


def forget_owner(owner: str) -> list[Statement]:
    """Remove the names and addresses of an owner who is erased. Their ids remain: they name nobody any more."""
    return [statement.bind({"owner": owner}) for statement in (_FORGET_ACTOR, _FORGET_SUBJECT)]


class CatalogueAuditLog:
    """Adapter of `core.ports.audit.AuditLog`."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def add(self, entry: AuditEntry) -> None:
        await self._writer.execute(Change([insert_entry(entry)]))

    async def entries(self, wanted: AuditFilter, cursor: str | None, limit: int) -> tuple[list[AuditEntry], str | None]:
        words = search_words(wanted.search)
        after = None if cursor is None else decode_cursor(cursor, int, int)
        if not words and wanted.action is None:
            rows = await self._reader.rows(_page(wanted, after, limit + 1))
            page, following = split_page(rows, limit, "at", "id")
            return [entry_value(row) for row in page], following
        found: list[AuditEntry] = []
        for _ in range(MAX_READS):
            rows = await self._reader.rows(_page(wanted, after, ROWS_PER_READ))
            for row in rows:
                if wanted.action in (None, row["action"]) and _has_words(row, words):
                    found.append(entry_value(row))
                    if len(found) == limit:
                        return found, encode_cursor(*_key(row))
            if len(rows) < ROWS_PER_READ:
                return found, None
            after = _key(rows[-1])
        return found, None if after is None else encode_cursor(*after)

    async def delete_before(self, at: int) -> int:
        deleted = 0
        while rows := await self._writer.execute(Change([_DELETE_OLDEST.bind({"before": at})])):
            deleted += len(rows)
        return deleted


def entry_value(row: Row) -> AuditEntry:
    """Return the entry of a row. An unusable value becomes an empty one."""
    actor = Actor(
        text_or_none(row["actor"]), text(row["actor_name"]), text_or_none(row["token"]), text_or_none(row["address"])
    )
    return AuditEntry(
        id=row["id"],
        at=integer(row["at"]) or 0,
        action=text(row["action"]),
        actor=actor,
        subject=Subject(text_or_none(row["subject"]), text(row["subject_name"])),
        outcome=text(row["outcome"]),
        details=json_object(row["details"]),
    )


def _key(row: Row) -> tuple[int, int]:
    return integer(row["at"]) or 0, row["id"]


def _has_words(row: Row, words: list[str]) -> bool:
    """Return whether each folded word is somewhere in the row."""
    searched = fold("\n".join(filter(None, (text(row[name]) for name in SEARCHED)))) if words else ""
    return all(word in searched for word in words)


def _page(wanted: AuditFilter, after: tuple[int, int] | None, rows: int) -> Statement:
    """Read the next rows, newest first, whatever their action and words."""
    values = {"actor": wanted.actor, "subject": wanted.subject, "since": wanted.since, "until": wanted.until}
    given = frozenset(name for name, value in values.items() if value is not None)
    at, last_id = (0, 0) if after is None else after
    statement = _page_statement(given, has_cursor=after is not None)
    return statement.bind(values | {"at": at, "last_id": last_id, "rows": rows})


@lru_cache
def _page_statement(given: frozenset[str], *, has_cursor: bool) -> CompiledStatement:
    """Compile a form of the statement at its first use. Each order of rows is one of an index."""
    key, columns = (audit.c.at, audit.c.id), audit.c
    conditions = {
        "actor": columns.actor == bindparam("actor"),
        "subject": columns.subject == bindparam("subject"),
        "since": columns.at >= bindparam("since"),
        "until": columns.at < bindparam("until"),
    }
    query = select(audit).where(and_(True, *(conditions[name] for name in sorted(given))))
    if has_cursor:
        query = query.where(tuple_(*key) < tuple_(bindparam("at"), bindparam("last_id")))
    return CompiledStatement(query.order_by(*(column.desc() for column in key)).limit(bindparam("rows")))
