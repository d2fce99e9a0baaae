"""Suite of `core.ports.audit.AuditLog`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.core.audit import ADMIN_TOKEN, Action, Actor, AuditEntry, AuditFilter, Subject
from media_service.core.errors.requests import Malformed

if TYPE_CHECKING:
    from media_service.core.ports.audit import AuditLog
    from tests.contracts.catalogues import Subject as Catalogues

KIM = Actor("person:kim", "Kim Müller", "t1", "192.0.2.7")
FULL = AuditEntry(
    at=1_800_000_000_000_000,
    actor=KIM,
    action=Action.FILE_EDITED,
    subject=Subject("f" * 22, "일요일 밤.mp3"),
    outcome="precondition_failed",
    details={"tags": ["artist", "title"], "count": 2, "forced": True, "note": "밤"},
)


def noted(at: int, action: Action = Action.SIGN_IN, actor: Actor = KIM, subject: str | None = None) -> AuditEntry:
    """Return a short entry."""
    return AuditEntry(at=at, action=action, actor=actor, subject=Subject(subject))


@pytest.fixture
def audit(subject: Catalogues) -> AuditLog:
    audit: AuditLog = subject.catalogue.audit
    return audit


async def read(audit: AuditLog, wanted: AuditFilter | None = None, limit: int = 50) -> list[AuditEntry]:
    """Return all entries, read page by page."""
    entries: list[AuditEntry] = []
    cursor: str | None = None
    while True:
        page, cursor = await audit.entries(wanted or AuditFilter(), cursor, limit)
        assert len(page) <= limit
        entries += page
        if cursor is None:
            return entries


async def times(audit: AuditLog, wanted: AuditFilter | None = None, limit: int = 50) -> list[int]:
    """Return the times of the entries, in their order."""
    return [entry.at for entry in await read(audit, wanted, limit)]


async def test_an_entry_is_read_as_it_was_added(audit: AuditLog, subject: Catalogues) -> None:
    await audit.add(FULL)
    await audit.add(AuditEntry(at=-1, action="from_the_future", actor=Actor(None)))
    (first, second) = await read(audit)
    assert replace(first, id=None) == FULL
    assert replace(second, id=None) == AuditEntry(at=-1, action="from_the_future", actor=Actor(None))
    assert first.id != second.id
    async with subject.reopened() as other:
        assert await read(other.audit) == [first, second]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_have_every_entry_once_newest_first(audit: AuditLog, limit: int) -> None:
    for at in (3, 1, 2, 2, 2):
        await audit.add(noted(at))
    entries = await read(audit, limit=limit)
    assert [entry.at for entry in entries] == [3, 2, 2, 2, 1]
    same = [entry.id for entry in entries if entry.at == 2]
    assert same == sorted(same, key=lambda number: -(number or 0))


async def test_what_is_added_while_pages_are_read_moves_none(audit: AuditLog) -> None:
    for at in range(4):
        await audit.add(noted(at))
    first, cursor = await audit.entries(AuditFilter(), None, 2)
    await audit.add(noted(9))
    second, cursor = await audit.entries(AuditFilter(), cursor, 2)
    assert ([entry.at for entry in first + second], cursor) == ([3, 2, 1, 0], None)


async def test_filters_are_combined(audit: AuditLog) -> None:
    admin = Actor(ADMIN_TOKEN)
    await audit.add(noted(1, Action.SIGN_IN, KIM))
    await audit.add(noted(2, Action.LINK_CLOSED, KIM, "link:a"))
    await audit.add(noted(3, Action.LINK_CLOSED, admin, "link:a"))
    await audit.add(noted(4, Action.LINK_MADE, admin, "link:b"))
    assert await times(audit, AuditFilter(actor=ADMIN_TOKEN)) == [4, 3]
    assert await times(audit, AuditFilter(subject="link:a"), limit=1) == [3, 2]
    assert await times(audit, AuditFilter(action=Action.LINK_CLOSED), limit=1) == [3, 2]
    assert await times(audit, AuditFilter(action=Action.LINK_CLOSED, actor=KIM.id)) == [2]
    assert await times(audit, AuditFilter(since=2, until=4)) == [3, 2]
    assert await times(audit, AuditFilter(since=3, actor=KIM.id)) == []
    assert await times(audit, AuditFilter(action="unknown")) == []


@pytest.mark.parametrize(
    "search", ["muller", "KIM", "192.0.2", "일요일", "artist title", "밤", "precondition", "t1", "f" * 22, " 2 "]
)
async def test_words_are_found_in_names_ids_address_outcome_and_details(audit: AuditLog, search: str) -> None:
    await audit.add(FULL)
    await audit.add(AuditEntry(at=1, action=Action.SIGN_OUT, actor=Actor("person:other")))
    assert await times(audit, AuditFilter(search=search)) == [FULL.at]
    assert await times(audit, AuditFilter(search=f"{search} nowhere")) == []


@pytest.mark.parametrize("cursor", ["", "x", "WzFd", "WyJhIiwgImIiXQ", "[1,2]"])
async def test_foreign_cursor_is_malformed(audit: AuditLog, cursor: str) -> None:
    with pytest.raises(Malformed):
        await audit.entries(AuditFilter(), cursor, 50)


async def test_too_many_words_are_malformed(audit: AuditLog) -> None:
    with pytest.raises(Malformed):
        await audit.entries(AuditFilter(search="a " * 65), None, 50)


async def test_only_old_entries_are_deleted(audit: AuditLog) -> None:
    assert await audit.delete_before(5) == 0
    await asyncio.gather(*(audit.add(noted(at)) for at in (7, *range(-1200, 5), 5, 6)))
    assert await audit.delete_before(5) == 1205
    assert await times(audit) == [7, 6, 5]
