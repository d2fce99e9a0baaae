"""What listed files must meet besides the ranges of an order, and the sets of files that have an index for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, select, union_all

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import contains, has_bits, unindexed
from media_service.catalogue.reads import ONE, is_shown
from media_service.catalogue.tables import listed_files
from media_service.catalogue.text_index import SIGNATURE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, CompoundSelect, Select


class Subset(Enum):
    """Files that are found by an index of `listed_files`, whatever the order of a listing is."""

    SHOWN = "shown"  # of the account and the collections
    DATED = "dated"  # between two times
    TAKEN = "taken"  # by their reader

    def numbers(self, *, once: bool = False) -> Select[Any] | CompoundSelect[Any]:
        """Read the numbers of these files; of the shown ones some twice, unless `once`, which reads their rows."""
        members = listed_files.alias("members").c
        if self is not Subset.SHOWN:
            return select(members.number).where(is_in(self, members))
        account: ColumnElement[str] = bindparam("account", type_=members.account.type)
        of_collections = select(members.number).where(members.collection.in_(bindparam("collections", expanding=True)))
        if once:
            of_collections = of_collections.where(unindexed(members.account).is_distinct_from(account))
        return union_all(select(members.number).where(members.account == account), of_collections)


@dataclass(frozen=True, slots=True)
class Conditions:
    """So many words that the text has, and that it does not have; `subsets` that the file is in."""

    words: int = 0
    excluded: int = 0
    subsets: tuple[Subset, ...] = ()

    @property
    def compares_texts(self) -> bool:
        """Return whether the text of each file must be read."""
        return self.words + self.excluded > 0

    def of_text(self, text: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """Return the conditions for a text."""
        words = [contains(text, bindparam(f"word_{number}")) for number in range(self.words)]
        return [*words, *(~contains(text, bindparam(f"excluded_{number}")) for number in range(self.excluded))]

    def of_index(self, columns: Any, *, but: Sequence[Subset] = ()) -> list[ColumnElement[bool]]:
        """Return the conditions for an entry of an order's index with these columns, but for some subsets.

        Files with the words are among those that the signature leaves.
        """
        signature = [has_bits(columns[name], bindparam(name)) for name in SIGNATURE_COLUMNS] if self.words else []
        return [*signature, *(is_in(subset, columns) for subset in self.subsets if subset not in but)]

    def of(self, columns: Any, *, but: Sequence[Subset] = ()) -> list[ColumnElement[bool]]:
        """Return the conditions for a row with these columns, but for some subsets.

        They are in a form for which no index is used.
        """
        subsets = [is_in(subset, columns, unindexed) for subset in self.subsets if subset not in but]
        return [*self.of_text(columns.text), *subsets]


def _same(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column


def is_in(
    subset: Subset, columns: Any, form: Callable[[ColumnElement[Any]], ColumnElement[Any]] = _same
) -> ColumnElement[bool]:
    """Return whether a row with these columns is in the subset, of which the parameters tell more."""
    if subset is Subset.DATED:
        uploaded_at = form(columns.uploaded_at)
        return and_(uploaded_at >= bindparam("since"), uploaded_at < bindparam("until"))
    if subset is Subset.TAKEN:
        return form(columns.taken) == ONE
    return is_shown(form(columns.account), form(columns.collection))


COUNTS = {
    subset: CompiledStatement(
        select(func.count()).select_from(subset.numbers().limit(bindparam("most")).subquery("some"))
    )
    for subset in Subset
}
"""Count the files of a subset, up to `most`."""
