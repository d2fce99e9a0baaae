"""A change of the catalogue: statements of one transaction, which the commit client sends to the commit server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.catalogue.compiled import Statement

Rows: TypeAlias = "Sequence[tuple[Any, ...]]"


@dataclass(frozen=True, slots=True)
class Change:
    """Statements that are executed all or none.

    `guard`: index of the statement that must affect a row, else the change is refused. The statements before it only
    read: a refusal leaves nothing to undo, so it does not affect other changes in the transaction. `ends_upload`: the
    change frees more disk space than it takes.
    """

    statements: Sequence[Statement]
    guard: int | None = None
    ends_upload: bool = False


@dataclass(eq=False)
class Refused(Exception):
    """The guard affected no row, and nothing was written. `rows`: what the statements before it returned."""

    rows: Rows
