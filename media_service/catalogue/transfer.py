"""Rows on their way to PostgreSQL, which refuses what SQLite stores: other types, long texts, NUL, missing parents.

To the service such a value means nothing either, so it becomes what `coercion.py` makes of it. A row whose key it is
cannot be read, and is left out with those that refer to it. So is a token or a link that would lose a limit.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import BigInteger, Float, Integer, LargeBinary, String, Table

from media_service.catalogue.access_tables import links, owners, tokens
from media_service.catalogue.schema import metadata
from media_service.catalogue.tables import listed_files, secrets
from media_service.catalogue.text_index import SIGNATURE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column

AnyTable: TypeAlias = Table
"""A table of the catalogue, for those that do not know SQLAlchemy."""

TABLES = tuple(table for table in metadata.sorted_tables if table is not secrets)
"""All tables of rows, parents before children. Secrets belong to the service, not to a database."""

_LIMITS = {*tokens.columns, *links.columns, owners.c.disabled_at}
"""Without such a value its row would permit more."""

# Bytes that are not UTF-8 are read as these, by `sqlite/export.py`.
_SURROGATES = re.compile("[\ud800-\udfff]")

ALL_BITS = -1
"""Of a signature that rules nothing out."""

_DEFAULTS: dict[type[Any], Any] = {String: "", Integer: 0, Float: 0.0, LargeBinary: b""}


@dataclass(frozen=True, slots=True)
class FittedRow:
    """A row's values, None if it is left out; and the columns whose values were replaced, or are the reason."""

    values: tuple[Any, ...] | None
    unfit: tuple[str, ...] = ()


class RowFitter:
    """Makes the rows of all tables fit, in the order of TABLES. It remembers what it leaves out."""

    def __init__(self) -> None:
        self._left_out: defaultdict[str, set[Any]] = defaultdict(set)
        self._columns = {table.name: [_FittedColumn(column) for column in table.columns] for table in TABLES}

    def fit(self, table: Table, row: Sequence[Any], *, has_parents: bool) -> FittedRow:
        """Return the row as PostgreSQL takes it."""
        columns = self._columns[table.name]
        parents = [
            column.name
            for column, value in zip(columns, row, strict=True)
            if column.parent is not None and (not has_parents or value in self._left_out[column.parent])
        ]
        if parents:
            return self._leave_out(table, row, parents)
        values, unfit = [], []
        for column, value in zip(columns, row, strict=True):
            try:
                fitted = None if value is None and column.is_nullable else column.fit(value)
            except _Unfit:
                if column.is_limit:
                    return self._leave_out(table, row, [column.name])
                fitted = column.default
            if fitted != value:
                unfit.append(column.name)
                if column.is_key:
                    return self._leave_out(table, row, [column.name])
            values.append(fitted)
        if table is listed_files and not {"text", *SIGNATURE_COLUMNS}.isdisjoint(unfit):
            # The signature of another text would hide the file from searches.
            values = [
                ALL_BITS if column.name in SIGNATURE_COLUMNS else value
                for column, value in zip(columns, values, strict=True)
            ]
            unfit = [*dict.fromkeys([*unfit, *SIGNATURE_COLUMNS])]
        return FittedRow(tuple(values), tuple(unfit))

    def _leave_out(self, table: Table, row: Sequence[Any], reasons: Sequence[str]) -> FittedRow:
        # All tables that others refer to have their id in the first column.
        self._left_out[table.name].add(row[0])
        return FittedRow(None, tuple(reasons))


class _Unfit(Exception):
    """The value has no meaning in its column."""


class _FittedColumn:
    """What one column takes."""

    def __init__(self, column: Column[Any]) -> None:
        self.name = column.name
        self.is_nullable = bool(column.nullable)
        self.is_key = bool(column.primary_key or column.unique or column.foreign_keys)
        self.is_limit = column in _LIMITS
        self.parent = next((key.column.table.name for key in column.foreign_keys), None)
        kind = next(kind for kind in _DEFAULTS if isinstance(column.type, kind))
        self.default = None if self.is_nullable else _DEFAULTS[kind]
        self.fit = _fitter(column.type)


def _fitter(kind: Any) -> Callable[[Any], Any]:
    if isinstance(kind, String):
        return lambda value: _text(value, kind.length)
    if isinstance(kind, Integer):
        limit = 2**63 if isinstance(kind, BigInteger) else 2**31
        return lambda value: _integer(value, limit)
    return _number if isinstance(kind, Float) else _blob


def _text(value: Any, limit: int | None) -> str:
    if not isinstance(value, str):
        raise _Unfit
    text = value.replace("\0", "")
    return (text if text.isascii() else _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text))[:limit]


def _integer(value: Any, limit: int) -> int:
    if not isinstance(value, int) or not -limit <= value < limit:
        raise _Unfit
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise _Unfit
    return float(value)


def _blob(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise _Unfit
    return value
