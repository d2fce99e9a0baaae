"""Compare the rows of `usage` with the uploads and files that they count, and correct them.

Each engine opens the transaction; `execute` executes a statement in it and returns its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from media_service.catalogue.audit import insert_entry
from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import insert
from media_service.catalogue.tables import usage
from media_service.catalogue.usage import COUNTS, recount
from media_service.core.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from media_service.catalogue.compiled import Statement
    from media_service.core.audit import AuditEntry

    Execute = Callable[[Statement], Iterable[Any]]

_STORED = CompiledStatement(select(usage.c.id, *(usage.c[name] for name in COUNTS)))
_RECOUNT = CompiledStatement(recount())
_CLEAR = CompiledStatement(update(usage).values(dict.fromkeys(COUNTS, 0)))
_counted = insert(usage).from_select(["id", *COUNTS], recount())
_SAVE = CompiledStatement(
    _counted.on_conflict_do_update(index_elements=["id"], set_={name: _counted.excluded[name] for name in COUNTS})
)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A row of usage as it is stored, and as uploads and files add up."""

    id: str
    stored: Usage
    actual: Usage

    @property
    def is_right(self) -> bool:
        """Return whether both are equal."""
        return self.stored == self.actual


def compare(execute: Execute) -> list[UsageRow]:
    """Return every row of usage, by id, as the transaction sees it."""
    stored, actual = (
        {usage_id: Usage(*counts) for usage_id, *counts in execute(statement.bind({}))}
        for statement in (_STORED, _RECOUNT)
    )
    return [
        UsageRow(usage_id, stored.get(usage_id, Usage()), actual.get(usage_id, Usage()))
        for usage_id in sorted(stored | actual)
    ]


def correct(execute: Execute, entry: AuditEntry) -> list[UsageRow]:
    """Save what uploads and files add up to, with the entry; return the rows as before."""
    before = compare(execute)
    for statement in (_CLEAR.bind({}), _SAVE.bind({}), insert_entry(entry)):
        execute(statement)
    return before
