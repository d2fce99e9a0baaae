"""What is noted is in the log and in the catalogue; if the catalogue fails, only the row is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from media_service.access.audit import AuditTrail
from media_service.core.audit import Action, Actor, Subject
from media_service.core.errors.service import StorageFull
from media_service.core.errors.uploads import UnknownUpload
from media_service.core.sign_in_failures import MAX_ADDRESSES

if TYPE_CHECKING:
    from media_service.core.audit import AuditEntry

KIM = Actor("person:kim", "Kim", "t1", "192.0.2.7")


class Rows:
    """Rows in memory; `is_full`: none can be added."""

    def __init__(self) -> None:
        self.added: list[AuditEntry] = []
        self.is_full = False

    async def add(self, entry: AuditEntry) -> None:
        if self.is_full:
            raise StorageFull
        self.added.append(entry)


class Trail(AuditTrail):
    """A trail over such rows, with the lines of failed sign-ins."""

    def __init__(self) -> None:
        self.rows, self.lines = Rows(), list[Any]()
        rows: Any = self.rows
        super().__init__(rows, lambda: 5, lambda key, **fields: self.lines.append((key, fields)))

    @property
    def added(self) -> list[AuditEntry]:
        """Return the stored entries."""
        return self.rows.added


async def succeed() -> str:
    """Return a result."""
    return "result"


async def fail() -> str:
    """Raise a refusal."""
    raise UnknownUpload


async def test_step_is_noted_with_what_came_of_it() -> None:
    trail = Trail()
    assert await trail.during(succeed(), KIM, Action.FILE_EDITED, Subject("f", "a.mp3"), details={"n": 1}) == "result"
    with pytest.raises(UnknownUpload):
        await trail.during(fail(), KIM, Action.FILE_EDITED)
    first, second = trail.added
    assert (first.at, first.actor, first.subject, first.outcome, first.details) == (
        *(5, KIM, Subject("f", "a.mp3")),
        *("done", {"n": 1}),
    )
    assert (second.subject, second.outcome) == (Subject(), "unknown_upload")


async def test_row_that_cannot_be_written_refuses_nothing_and_is_in_the_log() -> None:
    trail = Trail()
    trail.rows.is_full = True
    with capture_logs() as lines:
        assert await trail.during(succeed(), KIM, Action.FILE_EDITED, Subject("f")) == "result"
        await trail.sign_in_failed("192.0.2.1")
    assert trail.added == []
    line, *errors = lines
    assert (line["event"], line["actor"], line["action"]) == ("audit", "person:kim", "file_edited")
    assert [error["event"] for error in errors] == ["audit entry not stored"] * 2


async def test_flood_of_failed_sign_ins_is_a_few_entries() -> None:
    trail = Trail()
    for number in range(1000):
        await trail.sign_in_failed(f"192.0.2.{number % (2 * MAX_ADDRESSES)}", Subject("person:kim", "Kim"))
    await trail.sign_in_failed(None)
    assert len(trail.added) == MAX_ADDRESSES
    await trail.store_failures()
    assert len(trail.added) == 2 * MAX_ADDRESSES + 1
    assert sum(int(str(entry.details["count"])) for entry in trail.added) == 1001
    assert {entry.action for entry in trail.added} == {"sign_in_failed"}
    assert trail.added[0].subject == Subject("person:kim", "Kim")
    assert trail.lines[0] == ("192.0.2.0", {"account": "Kim", "address": "192.0.2.0"})
    await trail.store_failures()
    assert len(trail.added) == 2 * MAX_ADDRESSES + 1
