"""A change of the catalogue: statements of one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.compiled import Statement

Rows: TypeAlias = "Sequence[tuple[Any, ...]]"


@dataclass(slots=True)  # not frozen: to make one would take three times as long
class Change:
    """Statements that are executed all or none.

    `guard`: index of the statement that must return or change a row, else the change is refused. The statements before
    it only read, or write what may stay: a refusal undoes nothing, so it does not affect other changes in the
    transaction. `further`: statements that are executed after the others if the last value that these returned is true.
    `ends_upload`: the change frees more disk space than it takes. `locks`: statements that lock rows before all others,
    on an engine that locks rows: a statement sees what was committed before it began, also if it then waits for a row.
    """

    statements: Sequence[Statement]
    guard: int | None = None
    further: Sequence[Statement] = ()
    ends_upload: bool = False
    locks: Sequence[Statement] = ()


@dataclass(eq=False)
class Refused(Exception):
    """The guard affected no row, and nothing was written. `rows`: what the statements before it returned."""

    rows: Rows
