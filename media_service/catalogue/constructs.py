"""What engines write in different ways. Each construct is compiled for the engine that executes its statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BigInteger, Boolean, Integer, String, cast, func, literal_column

# Its upsert compiles for SQLite too.
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["Condition", "contains", "has_bits", "insert", "is_among", "least", "numbers_column", "total", "unindexed"]

T = TypeVar("T")


class _Unindexed(FunctionElement[Any]):
    inherit_cache = True


@compiles(_Unindexed)
def _with_nothing_added(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    nothing = "|| ''" if isinstance(element.type, String) else "+ 0"
    return f"({compiler.process(element.clauses, **options)} {nothing})"


@compiles(_Unindexed, "sqlite")
def _with_plus(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    # https://sqlite.org/optoverview.html#uplus
    return f"+{compiler.process(element.clauses, **options)}"


def unindexed(column: ColumnElement[T]) -> ColumnElement[T]:
    """Return the column in a form for which the planner uses no index.

    SQLite has no statistics unless ANALYZE runs, and considers any equality selective. Those of PostgreSQL may be old:
    of a table that was small it may read all rows in one state instead of one row by its id.
    """
    element = _Unindexed(column)
    element.type = column.type
    return element


class _Least(FunctionElement[Any]):
    inherit_cache = True


@compiles(_Least)
def _least(element: _Least, compiler: SQLCompiler, **options: Any) -> str:
    return f"least({compiler.process(element.clauses, **options)})"


@compiles(_Least, "sqlite")
def _min(element: _Least, compiler: SQLCompiler, **options: Any) -> str:
    # As the aggregate function it has one argument.
    return f"min({compiler.process(element.clauses, **options)})"


def total(values: ColumnElement[int]) -> ColumnElement[int]:
    """Return the sum of a column. The sum of integers of 64 bits is a decimal number in PostgreSQL."""
    return cast(func.sum(values), BigInteger)


def least(*values: ColumnElement[T]) -> ColumnElement[T]:
    """Return the smallest of the values of a row."""
    element = _Least(*values)
    element.type = values[0].type
    return element


class _Position(FunctionElement[int]):
    inherit_cache = True
    type = Integer()


@compiles(_Position)
def _strpos(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(_Position, "sqlite")
def _instr(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


def contains(text: ColumnElement[str], word: Any) -> ColumnElement[bool]:
    """Return whether the text contains the word."""
    return _Position(text, word) > literal_column("0")


def has_bits(column: ColumnElement[int], bits: ColumnElement[int]) -> ColumnElement[bool]:
    """Return whether a number has all of these bits."""
    return column.bitwise_and(bits) == bits


class Condition(FunctionElement[bool]):
    """A condition with a text of its own."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Condition:
        """Return it unchanged: SQLAlchemy would compare it with 1 for SQLite, which then uses no index."""
        return self


class _IsAmong(Condition):
    inherit_cache = True


@compiles(_IsAmong)
def _any(element: _IsAmong, compiler: SQLCompiler, **options: Any) -> str:
    number, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST({numbers} AS JSON)) AS BIGINT)))"


@compiles(_IsAmong, "sqlite")
def _each(element: _IsAmong, compiler: SQLCompiler, **options: Any) -> str:
    number, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608  # both are compiled


def numbers_column(numbers: Iterable[int]) -> str:
    """Return numbers as `is_among` takes them: as one parameter, so that one statement fits any count."""
    return json.dumps([*numbers])


def is_among(number: ColumnElement[int], numbers: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether a number is one of these."""
    return _IsAmong(number, numbers)
