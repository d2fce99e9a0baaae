"""Entries of the audit trail in the transactions of other changes, and rows that others wrote."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from media_service.catalogue.audit import MAX_READS, ROWS_PER_READ, _page, forget_owner, insert_entry
from media_service.catalogue.change import Change, Refused
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.sqlite.dialect import sql_of
from media_service.core.audit import Action, Actor, AuditEntry, AuditFilter, Subject
from tests.catalogue.samples import rows

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.catalogue.sqlite.catalogue import SqliteCatalogue

KIM, LEE = Actor("person:kim", "Kim", "t1", "192.0.2.7"), Actor("person:lee", "Lee", None, "192.0.2.8")
CHANGED = AuditEntry(at=1, action=Action.PERSON_CHANGED, actor=LEE, subject=Subject("person:kim", "Kim"))


async def test_entry_is_added_with_its_change_or_not_at_all(database: SqliteCatalogue, path: Path) -> None:
    add = CompiledStatement(text("INSERT INTO usage (id) VALUES ('person:kim') ON CONFLICT DO NOTHING")).bind({})
    await database._writer.execute(Change([add, insert_entry(CHANGED)], guard=0))
    with pytest.raises(Refused):
        await database._writer.execute(Change([add, insert_entry(CHANGED)], guard=0))
    assert rows(path, "SELECT count(*) FROM audit") == [(1,)]


async def test_an_erased_owner_is_named_nowhere(database: SqliteCatalogue, path: Path) -> None:
    await database.audit.add(CHANGED)
    await database.audit.add(AuditEntry(at=2, action=Action.SIGN_IN, actor=KIM, details={"kept": 1}))
    await database._writer.execute(Change(forget_owner("person:kim")))
    stored = rows(path, "SELECT * FROM audit ORDER BY at")
    assert "Kim" not in repr(stored)
    assert "192.0.2.7" not in repr(stored)
    found, _ = await database.audit.entries(AuditFilter(), None, 50)
    assert [(entry.actor.id, entry.actor.name, entry.subject.id) for entry in found] == [
        ("person:kim", "", None),
        ("person:lee", "Lee", "person:kim"),
    ]
    assert found[0].details == {"kept": 1}


async def test_rows_that_others_wrote_are_listed(database: SqliteCatalogue, path: Path) -> None:
    await database.audit.add(CHANGED)
    with closing(sqlite3.connect(path)) as connection, connection:
        for details in ("", "null", "[" * 100_000, '{"a": NaN}', b"\xff"):
            connection.execute(
                "INSERT INTO audit (at, actor, actor_name, action, outcome, details) VALUES (2, ?, ?, ?, ?, ?)",
                (b"\0", 5, b"\xff", 1.5, details),
            )
    found, _ = await database.audit.entries(AuditFilter(search=""), None, 50)
    assert len(found) == 6
    assert json.dumps([dict(entry.details) for entry in found])
    assert [entry.action for entry in found][-1] == "person_changed"


async def test_search_examines_a_bounded_number_of_rows_and_goes_on_from_there(
    database: SqliteCatalogue, path: Path
) -> None:
    await database.audit.add(CHANGED)
    with closing(sqlite3.connect(path)) as connection, connection:
        numbers = ((at,) for at in range(2, 2 + ROWS_PER_READ * MAX_READS))
        connection.executemany("INSERT INTO audit (at, action, outcome) VALUES (?, 'sign_in', 'done')", numbers)
    for wanted in (AuditFilter(search="kim LEE"), AuditFilter(action=Action.PERSON_CHANGED)):
        page, cursor = await database.audit.entries(wanted, None, 50)
        assert (page, cursor is None) == ([], False)
        page, cursor = await database.audit.entries(wanted, cursor, 50)
        assert ([entry.at for entry in page], cursor) == ([1], None)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (AuditFilter(), "ix_audit_at_id"),
        (AuditFilter(since=1, until=2), "ix_audit_at_id"),
        (AuditFilter(actor="a"), "ix_audit_actor_at_id"),
        (AuditFilter(subject="a"), "ix_audit_subject_at_id"),
        (AuditFilter(subject="a", since=1), "ix_audit_subject_at_id"),
    ],
)
def test_pages_are_read_in_the_order_of_an_index(path: Path, wanted: AuditFilter, index: str) -> None:
    for after in (None, (1, 1)):
        sql, values = sql_of(_page(wanted, after, 50))
        with closing(sqlite3.connect(path)) as connection:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert len(plan) == 1, plan
        assert index in plan[0]
